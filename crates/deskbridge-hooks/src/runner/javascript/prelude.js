// Runs before every script. `now`, in milliseconds, is the time of the call; the script cannot see it by this name.
// Scripts from elsewhere write to a console; here nobody reads it.
const unread = () => {};
globalThis.console = { log: unread, info: unread, warn: unread, error: unread, debug: unread };

const now = globalThis.now;
delete globalThis.now;

const Real = Date;
function Fixed(...parts) {
  if (!new.target) return new Real(now).toString();
  return Reflect.construct(Real, parts.length ? parts : [now], new.target);
}
Fixed.prototype = Real.prototype;
Fixed.prototype.constructor = Fixed;
Fixed.now = () => now;
Fixed.parse = Real.parse;
Fixed.UTC = Real.UTC;
globalThis.Date = Fixed;

// Mulberry32, always from the same seed.
let seed = 1;
Math.random = () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
};
