// All in one process, which shares one hub and one Chromium.
import { after, before } from "node:test";

import { start, stop } from "./browser/stage.mjs";

before(start);
after(stop);

await import("./browser/profile.mjs");
await import("./browser/people.mjs");
// Last, since it ends by switching Bitrix24 off.
await import("./browser/trouble.mjs");
