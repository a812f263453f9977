// How a fill served somebody: it began for him, he joined one that was running, or the thing was here after all.

export type How = "started" | "joined" | "found";
