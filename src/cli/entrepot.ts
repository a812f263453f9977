// `npm run entrepot -- COMMAND`: the commands that ask a cache, by one name.

import { run } from "./program.ts";

await run(process.argv.slice(2));
