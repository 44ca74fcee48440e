//! One call of a script in a runtime of its own.

use std::sync::OnceLock;

use rquickjs::{
    CatchResultExt as _, CaughtError, Context, Ctx, Function, Module, Object, Promise, Runtime,
    Value,
    context::intrinsic::{Date, Eval, Json, MapSet, Promise as Promises, RegExp, RegExpCompiler},
    loader::bundle::Bundle,
    module::WriteOptions,
    promise::PromiseState,
};
use tokio::time::Instant;

use super::super::{ANSWER_BYTES_MAX, Failure, said};

/// What a script has: the language without shared memory, proxies and clocks.
type Language = (Date, Eval, Json, MapSet, Promises, RegExp, RegExpCompiler);
/// Memory of one call, in bytes.
const MEMORY_BYTES_MAX: usize = 32 << 20;
/// Stack of one call, in bytes. The threads have more, for what the engine needs besides.
const STACK_BYTES_MAX: usize = 512 << 10;

const PRELUDE: &str = include_str!("prelude.js");
/// The names under which the two modules are known.
const PRELUDE_NAME: &str = "prelude";
const SCRIPT_NAME: &str = "hook.js";

/// The modules of a script in the engine's own code.
///
/// They are never freed: the engine reads them wherever they lie, and that they stay is all that makes this sound. Each
/// version of a file costs its own size once.
type Modules = &'static [(&'static str, &'static [u8])];

/// A script that was compiled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compiled(Modules);

impl Compiled {
    /// Compiles a script.
    pub(super) fn new(source: &str) -> Result<Self, Failure> {
        static COMPILED_PRELUDE: OnceLock<&'static [u8]> = OnceLock::new();
        let prelude = match COMPILED_PRELUDE.get() {
            Some(prelude) => prelude,
            None => {
                let compiled = compiled(PRELUDE_NAME, PRELUDE)?;
                COMPILED_PRELUDE.get_or_init(|| Vec::leak(compiled))
            }
        };
        let script: &'static [u8] = Vec::leak(compiled(SCRIPT_NAME, source)?);
        Ok(Self(Vec::leak(vec![
            (PRELUDE_NAME, *prelude),
            (SCRIPT_NAME, script),
        ])))
    }

    /// Calls the script.
    pub(super) fn call(
        self,
        input: &[u8],
        now_ms: i64,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        let runtime = runtime(MEMORY_BYTES_MAX, deadline)?;
        runtime.set_loader(Bundle(self.0), Bundle(self.0));
        let context = Context::custom::<Language>(&runtime).map_err(|_no_more| out_of_memory())?;
        context.with(|ctx| {
            let answer = answer(&ctx, input, now_ms, deadline).catch(&ctx);
            answer.map_err(|caught| match Instant::now() >= deadline {
                true => Failure::TimedOut,
                false => failure(&caught),
            })
        })?
    }
}

fn out_of_memory() -> Failure {
    Failure::Crashed("out of memory".to_owned())
}

fn runtime(memory_bytes_max: usize, deadline: Instant) -> Result<Runtime, Failure> {
    let runtime = Runtime::new().map_err(|_no_more| out_of_memory())?;
    runtime.set_memory_limit(memory_bytes_max);
    // Where memory runs out in the midst of growing an object, a collection that begins there reads what is half done and
    // crashes (observed with 0.14). A call ends soon, and what it made with it.
    runtime.set_gc_threshold(usize::MAX);
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    runtime.set_interrupt_handler(Some(Box::new(move || Instant::now() >= deadline)));
    Ok(runtime)
}

fn compiled(name: &str, source: &str) -> Result<Vec<u8>, Failure> {
    // Compiling runs nothing of the script, so this ends with its text.
    let deadline = Instant::now() + std::time::Duration::from_secs(5);
    let runtime = runtime(MEMORY_BYTES_MAX, deadline)?;
    let context = Context::custom::<Language>(&runtime).map_err(|_no_more| out_of_memory())?;
    context.with(|ctx| {
        let module = Module::declare(ctx.clone(), name, source).catch(&ctx);
        let module = module.map_err(|caught| match failure(&caught) {
            Failure::Crashed(why) => Failure::Script(format!("it cannot be compiled: {why}")),
            other => other,
        })?;
        let written = module.write(WriteOptions::default());
        written.map_err(|_no_more| out_of_memory())
    })
}

fn answer(
    ctx: &Ctx<'_>,
    input: &[u8],
    now_ms: i64,
    deadline: Instant,
) -> rquickjs::Result<Result<Vec<u8>, Failure>> {
    // As a number that JavaScript can hold exactly until long after everybody.
    ctx.globals().set("now", now_ms as f64)?;
    settled(&Module::import(ctx, PRELUDE_NAME)?, deadline)?;
    let namespace = settled(&Module::import(ctx, SCRIPT_NAME)?, deadline)?;
    let namespace = Object::from_value(namespace)?;
    let exported: Value<'_> = namespace.get("default")?;
    let Some(function) = exported.into_function() else {
        let why = "it has no default export; write `export default function (input) { ... }`";
        return Ok(Err(Failure::Script(why.to_owned())));
    };
    let input = ctx.json_parse(input)?;
    let answered = called(&function, input, deadline)?;
    let Some(json) = ctx.json_stringify(answered)? else {
        // Undefined, which is no JSON, says nothing.
        return Ok(Ok(Vec::new()));
    };
    let json = json.to_string()?;
    Ok(match json.len() {
        length if length > ANSWER_BYTES_MAX => Err(Failure::TooMuch),
        _ => Ok(json.into_bytes()),
    })
}

fn called<'js>(
    function: &Function<'js>,
    input: Value<'js>,
    deadline: Instant,
) -> rquickjs::Result<Value<'js>> {
    let answered: Value<'js> = function.call((input,))?;
    match answered.clone().into_promise() {
        Some(promise) => settled(&promise, deadline),
        None => Ok(answered),
    }
}

/// What a promise comes to.
fn settled<'js>(promise: &Promise<'js>, deadline: Instant) -> rquickjs::Result<Value<'js>> {
    let ctx = promise.ctx().clone();
    while promise.state() == PromiseState::Pending && Instant::now() < deadline {
        if !ctx.execute_pending_job() {
            break;
        }
    }
    match promise.result() {
        Some(result) => result,
        None => Err(rquickjs::Error::WouldBlock),
    }
}

fn failure(caught: &CaughtError<'_>) -> Failure {
    let why = match caught {
        CaughtError::Exception(exception) => {
            let message = exception.message().unwrap_or_default();
            let stack = exception.stack().unwrap_or_default();
            format!("{message}\n{stack}")
        }
        // The engine throws it when not even an error can be made any more.
        CaughtError::Value(value) if value.is_null() => {
            "out of memory, or null was thrown".to_owned()
        }
        CaughtError::Value(value) => match value.as_string().map(rquickjs::String::to_string) {
            Some(Ok(text)) => text,
            Some(Err(_)) | None => "it threw something that is no error".to_owned(),
        },
        CaughtError::Error(rquickjs::Error::WouldBlock) => "its promise is never kept".to_owned(),
        CaughtError::Error(error) => error.to_string(),
    };
    Failure::Crashed(said(&why))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const GROWING: &str = "let all = {}; for (let i = 0; ; i++) all['k' + i] = () => all";
    /// Scripts that take memory in every way there is.
    const TAKING: [&str; 12] = [
        "const all = []; while (true) all.push({ all: [all], f: () => all })",
        "let x = 'x'; while (true) x += x",
        "const all = new Map(); while (true) all.set({}, 'x'.repeat(100))",
        "class A { constructor(n) { this.n = n; this.m = new Map([[this, n]]) } }; const all = []; for (let i = 0; ; i++) all.push(new A(i))",
        "const all = []; while (true) all.push(Promise.resolve(1).then(() => all))",
        "function* again() { yield* again() }; [...again()]",
        "const all = []; while (true) all.push(new RegExp('a'.repeat(all.length)))",
        GROWING,
        "const all = []; while (true) all.push(JSON.parse('{\"a\":[1,2,{\"b\":\"c\"}]}'))",
        "const all = []; while (true) { try { all.push(new Error('x'.repeat(50))) } catch (error) { all.push(error) } }",
        "const all = []; while (true) all.push(eval('(() => ' + all.length + ')'))",
        "const all = []; while (true) all.push(async () => { await all }, (async () => { await null; return all })())",
    ];

    #[test]
    fn wherever_memory_runs_out_the_program_lives() {
        // Steps that are no multiple of anything, so that it runs out at ever other places; fine ones where it crashed.
        let coarse = (400_000..2_000_000).step_by(31_337);
        let coarse = coarse.flat_map(|bytes_max| TAKING.map(|script| (bytes_max, script)));
        let fine = (400_000..800_000)
            .step_by(509)
            .map(|bytes_max| (bytes_max, GROWING));
        for (bytes_max, script) in coarse.chain(fine) {
            let deadline = Instant::now() + Duration::from_secs(20);
            let runtime = runtime(bytes_max, deadline).unwrap();
            // The whole language, in which it was observed.
            let context = Context::full(&runtime).unwrap();
            let outcome = context.with(|ctx| {
                let outcome = ctx
                    .eval::<(), _>(script)
                    .catch(&ctx)
                    .map_err(|caught| failure(&caught));
                while ctx.execute_pending_job() {}
                outcome
            });
            assert!(outcome.is_err(), "{script} in {bytes_max} bytes");
        }
    }
}
