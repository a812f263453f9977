// Catalog: the one Durable Object that knows what is cached, how large it is, when it was last pulled and what refers
// to it. It is off the hot path: fills and isolates report to it, sweeps and previews query it. Each call is one
// transaction.

import { type Calls, type Outcome, settle } from "../platform/rpc.ts";
import type { Catalog, WokenBindings } from "./contract.ts";
import { Database } from "./database.ts";
import { HoldCalls } from "./hold-calls.ts";
import * as browse from "./query/browse.ts";
import { contentsKnown, recordOf } from "./query/image-record.ts";
import { parentsOf } from "./query/parents.ts";
import { totalsOf } from "./query/totals.ts";
import { countedFrom, countsFrom } from "./record/counters.ts";
import { deliveredTo, isLinked, leadingTo } from "./record/linked.ts";
import * as numbers from "./record/numbers.ts";
import { learnPlatforms } from "./record/platforms.ts";
import * as reconcile from "./record/reconcile-page.ts";
import { tellBlob, tellManifest } from "./record/record-content.ts";
import { recordTag, takeReport } from "./record/record-pulls.ts";
import { resetContents } from "./record/remembered.ts";
import { STEPS } from "./schema.ts";
import * as collecting from "./sweep/collecting.ts";
import * as images from "./sweep/images.ts";
import * as marks from "./sweep/marks.ts";
import * as pins from "./sweep/pins.ts";
import { freedBy } from "./sweep/releasing.ts";
import { removeImage } from "./sweep/removing.ts";
import * as runs from "./sweep/runs.ts";
import { Waking } from "./waking.ts";

export class CatalogObject extends HoldCalls<WokenBindings> implements Calls<Catalog> {
  readonly #database = new Database(this.ctx.storage.sql);
  readonly #waking = new Waking(this.env);
  protected readonly transact = <T>(work: (database: Database) => T) => this.#do(work);

  constructor(context: DurableObjectState, env: WokenBindings) {
    super(context, env);
    context.storage.transactionSync(() => this.#database.migrate(STEPS));
  }

  tellManifest(...[fact]: Parameters<Catalog["tellManifest"]>) {
    return this.#do((database) => tellManifest(database, fact));
  }

  tellBlob(...[fact]: Parameters<Catalog["tellBlob"]>) {
    return this.#do((database) => tellBlob(database, fact));
  }

  learnPlatforms(...[known]: Parameters<Catalog["learnPlatforms"]>) {
    return this.#do((database) => learnPlatforms(database, known));
  }

  tellTag(...[fact]: Parameters<Catalog["tellTag"]>) {
    return this.#do((database) => recordTag(database, fact));
  }

  report(...[report]: Parameters<Catalog["report"]>) {
    return this.#do((database) => takeReport(database, report));
  }

  image(...args: Parameters<Catalog["image"]>) {
    return this.#do((database) => images.imageAt(database, ...args));
  }

  linked(...args: Parameters<Catalog["linked"]>) {
    return this.#do((database) => isLinked(database, ...args));
  }

  leading(...args: Parameters<Catalog["leading"]>) {
    return this.#do((database) => leadingTo(database, ...args));
  }

  parents(...args: Parameters<Catalog["parents"]>) {
    return this.#do((database) => parentsOf(database, ...args));
  }

  deliveredTo(...args: Parameters<Catalog["deliveredTo"]>) {
    return this.#do((database) => deliveredTo(database, ...args));
  }

  begin(...[trigger, now]: Parameters<Catalog["begin"]>) {
    return this.#do((database) => runs.begin(database, trigger, now));
  }

  beat(...args: Parameters<Catalog["beat"]>) {
    return this.#do((database) => runs.beat(database, ...args));
  }

  end(...args: Parameters<Catalog["end"]>) {
    return this.#do((database) => runs.end(database, ...args));
  }

  places(...args: Parameters<Catalog["places"]>) {
    return this.#do((database) => images.placesAfter(database, ...args));
  }

  images(...[place, parts, after, limit]: Parameters<Catalog["images"]>) {
    return this.#do((database) => images.imagesOf(database, place, { after, limit }, parts));
  }

  mark(...[place, expired, now, run]: Parameters<Catalog["mark"]>) {
    return this.#do((database) => marks.mark(database, place, expired, { now, run }));
  }

  freed(...args: Parameters<Catalog["freed"]>) {
    return this.#do((database) => freedBy(database, ...args));
  }

  due(...args: Parameters<Catalog["due"]>) {
    return this.#do((database) => marks.dueImages(database, ...args));
  }

  take(...[due, before, now, run]: Parameters<Catalog["take"]>) {
    return this.#do((database) => collecting.take(database, due, before, { now, run }));
  }

  doomed(...args: Parameters<Catalog["doomed"]>) {
    return this.#do((database) => collecting.doomedTags(database, ...args));
  }

  tagGone(...[tag, deleted, now, run]: Parameters<Catalog["tagGone"]>) {
    return this.#do((database) => collecting.tagGone(database, tag, deleted, { now, run }));
  }

  dateOrphans(...args: Parameters<Catalog["dateOrphans"]>) {
    return this.#do((database) => collecting.dateOrphans(database, ...args));
  }

  condemn(...args: Parameters<Catalog["condemn"]>) {
    return this.#do((database) => collecting.condemn(database, ...args));
  }

  removed(...[removals, now, run]: Parameters<Catalog["removed"]>) {
    return this.#do((database) => collecting.removed(database, removals, { now, run }));
  }

  leftovers(...args: Parameters<Catalog["leftovers"]>) {
    return this.#do((database) => collecting.leftoversOf(database, ...args));
  }

  leftoverGone(...[left, bytes, now, run]: Parameters<Catalog["leftoverGone"]>) {
    return this.#do((database) => collecting.leftoverGone(database, left, bytes, { now, run }));
  }

  seeManifests(...args: Parameters<Catalog["seeManifests"]>) {
    return this.#do((database) => reconcile.seeManifests(database, ...args));
  }

  seeTags(...args: Parameters<Catalog["seeTags"]>) {
    return this.#do((database) => reconcile.seeTags(database, ...args));
  }

  seeBlobs(...args: Parameters<Catalog["seeBlobs"]>) {
    return this.#do((database) => reconcile.seeBlobs(database, ...args));
  }

  reset() {
    return this.#do(resetContents);
  }

  trim(...args: Parameters<Catalog["trim"]>) {
    return this.#do((database) => runs.trim(database, ...args));
  }

  runs(...args: Parameters<Catalog["runs"]>) {
    return this.#do((database) => runs.latestRuns(database, ...args));
  }

  events(...args: Parameters<Catalog["events"]>) {
    return this.#do((database) => runs.eventsBefore(database, ...args));
  }

  summary() {
    return this.#do((database) => runs.summaryOf(database));
  }

  counts(...args: Parameters<Catalog["counts"]>) {
    return this.#do((database) => countsFrom(database, ...args));
  }

  listed(...args: Parameters<Catalog["listed"]>) {
    return this.#do((database) => browse.listed(database, ...args));
  }

  record(...args: Parameters<Catalog["record"]>) {
    return this.#do((database) => recordOf(database, ...args));
  }

  known(...args: Parameters<Catalog["known"]>) {
    return this.#do((database) => contentsKnown(database, ...args));
  }

  remove(...[place, reference, who, force, now]: Parameters<Catalog["remove"]>) {
    return this.#do((database) => removeImage(database, place, reference, { who, force, now }));
  }

  pin(...[place, reference, who, now]: Parameters<Catalog["pin"]>) {
    return this.#do((database) => pins.pin(database, place, { reference, who, at: now }));
  }

  unpin(...args: Parameters<Catalog["unpin"]>) {
    return this.#do((database) => pins.unpin(database, ...args));
  }

  pins(...args: Parameters<Catalog["pins"]>) {
    return this.#do((database) => pins.pinsAt(database, ...args));
  }

  countedHours(...args: Parameters<Catalog["countedHours"]>) {
    return this.#do((database) => countedFrom(database, ...args));
  }

  totals(...[from, to, by, limit]: Parameters<Catalog["totals"]>) {
    return this.#do((database) => totalsOf(database, { from, to }, by, limit));
  }

  numbers(...args: Parameters<Catalog["numbers"]>) {
    return this.#do((database) => numbers.numbersAt(database, ...args));
  }

  operations(...args: Parameters<Catalog["operations"]>) {
    return this.#do((database) => numbers.operationsIn(database, ...args));
  }

  hours(...args: Parameters<Catalog["hours"]>) {
    return this.#do((database) => numbers.hoursFrom(database, ...args));
  }

  happened(...args: Parameters<Catalog["happened"]>) {
    return this.#do((database) => numbers.happenedAfter(database, ...args));
  }

  #do<T>(work: (database: Database) => T): Promise<Outcome<T>> {
    return settle(async () => {
      const result = this.ctx.storage.transactionSync(() => work(this.#database));
      const from = this.#database.happenedFrom;
      this.#database.happenedFrom = undefined;
      if (from !== undefined) this.#waking.wake(from - 1);
      return result;
    });
  }
}
