// `npm run entrepot -- COMMAND`: entry of the command line.

import { run } from "./program.ts";

await run(process.argv.slice(2));
