//! The secret stays where it belongs.

use super::*;

/// Everything an error says about itself, in every way it can be asked.
fn everything_said(error: &Error) -> String {
    let mut said = format!("{error}\n{error:?}\n{error:#?}\n{:?}\n", error.context());
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        said.push_str(&format!("{error}\n{error:?}\n"));
        source = error.source();
    }
    said
}

/// A place for log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Every way to fail that comes with an answer, most of them quoting the secret.
fn failing_answers() -> Vec<Box<dyn Fn() -> Reply + Send + Sync>> {
    let quoting = format!("no handler for /rest/1/{SECRET}/crm.company.list.json");
    vec![
        Box::new(|| Reply::HangUp),
        Box::new(|| Reply::Silence),
        Box::new({
            let text = quoting.clone();
            move || Reply::Truncate(response(200, text.clone()))
        }),
        Box::new({
            let text = quoting.clone();
            move || json(200, &format!("<html><p>{text}</p></html>"))
        }),
        Box::new({
            let text = quoting.clone();
            move || json(502, &text)
        }),
        Box::new({
            let text = quoting.clone();
            move || {
                json(
                    400,
                    &format!(r#"{{"error":"{text}","error_description":"{text}"}}"#),
                )
            }
        }),
        Box::new({
            let text = quoting.clone();
            move || {
                json(
                    403,
                    &format!(
                        r#"{{"error":"insufficient_scope","error_description":"scope: {text}","scope":"{SECRET}"}}"#
                    ),
                )
            }
        }),
        Box::new({
            let text = quoting.clone();
            move || {
                json(
                    400,
                    &format!(
                        r#"{{"error":{{"code":"{text}","message":"{text}","validation":[{{"message":"{text}"}}]}}}}"#
                    ),
                )
            }
        }),
        Box::new({
            let text = quoting;
            move || {
                json(
                    200,
                    &format!(
                        r#"{{"result":{{"result":[],"result_error":{{"c0":"{text}","c1":{{"error":"{text}"}}}}}}}}"#
                    ),
                )
            }
        }),
        Box::new(|| json(200, &"x".repeat(200_000))),
        Box::new(|| json(401, r#"{"error":"NO_AUTH_FOUND"}"#)),
        Box::new(|| json(503, r#"{"error":"QUERY_LIMIT_EXCEEDED"}"#)),
        Box::new(|| json(503, r#"{"error":"OVERLOAD_LIMIT"}"#)),
        Box::new(|| json(429, r#"{"error":"OPERATION_TIME_LIMIT"}"#)),
        Box::new(|| {
            let mut response = response(302, "");
            let location = format!("https://other.test/rest/1/{SECRET}/")
                .parse()
                .unwrap();
            response.headers_mut().insert(header::LOCATION, location);
            Reply::Answer(response)
        }),
        Box::new(|| {
            let mut response = response(302, "");
            let location = format!("https://{SECRET}/").parse().unwrap();
            response.headers_mut().insert(header::LOCATION, location);
            Reply::Answer(response)
        }),
    ]
}

#[tokio::test]
async fn the_secret_is_in_no_error_and_no_log_line() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let small = Options {
        body_bytes_max: 100_000,
        ..options()
    };
    let bodies = failing_answers();
    let failures = bodies.len();
    let small = &small;
    let cases = bodies.into_iter().map(|body| async move {
        let script = Script::new(move |_, _| body());
        let server = script.start().await;
        let client = client_of(&server.url(), small);
        let mut said = vec![format!("{client:?}{:?}", client.access())];
        let soon = Duration::from_millis(700);
        let mut group: Group = [read(), write()].into_iter().collect();
        group.deadline(soon);
        let read = client.call(read().deadline(soon)).await;
        let write = client.call(write().deadline(soon)).await;
        let group = client.group(group).await.unwrap();
        let answers = [&read, &write].into_iter().chain(group.iter());
        said.extend(
            answers
                .filter_map(|answer| answer.as_ref().err())
                .map(everything_said),
        );
        said
    });
    let mut said: Vec<String> = join_all(cases).await.concat();
    assert!(said.len() >= failures * 4, "{} texts", said.len());
    for url in ["http://127.0.0.1:9", "https://127.0.0.1:9"] {
        let client = client_of(url, small).in_lane(Lane::Background);
        let error = client.call(write()).await.unwrap_err();
        said.push(everything_said(&error));
    }
    let leak = said.iter().find(|text| text.contains(SECRET));
    assert_eq!(leak, None, "an error holds the secret");
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("crm.company.add") && logged.contains("127.0.0.1"),
        "nothing was logged"
    );
    let leak = logged
        .lines()
        .find(|line| line.contains(SECRET) && !line.contains("simulators"));
    assert_eq!(leak, None, "a log line holds the secret");
}
