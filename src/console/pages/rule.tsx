// Rule page: one rule and its actions.

import type { RuleAnswer } from "../../api/rules.ts";
import type { Api } from "../parts/api.ts";
import { ActionLink, Card, CopyBlock } from "../parts/parts.tsx";
import { hostOf } from "../parts/upstream-gauges.tsx";
import type { PageVisit, Sections, View } from "../parts/visit.ts";
import { RuleState } from "./upstreams.tsx";

export function addRule({ page }: Sections): void {
  page("/rule", rulePage);
}

async function rulePage({ api, query, person }: PageVisit): Promise<View> {
  const rule = await findRule(api, query);
  const mayChange = person.role === "admin";
  const name = encodeURIComponent(rule.name);
  return {
    title: rule.name,
    section: "/upstreams",
    body: (
      <>
        <Card>
          <dl class="facts">
            <dt>State</dt>
            <dd>
              <RuleState rule={rule} />
            </dd>
            <dt>Upstream</dt>
            <dd>
              {hostOf(rule.upstream)}
              {rule.upstreamPrefix !== undefined && `/${rule.upstreamPrefix}`}
            </dd>
            <dt>Prefixes</dt>
            <dd>{rule.prefixes.join(", ") || "none"}</dd>
            {rule.hosts.length > 0 && (
              <>
                <dt>Host names</dt>
                <dd>{rule.hosts.join(", ")}</dd>
              </>
            )}
            {rule.ns.length > 0 && (
              <>
                <dt>Registry namespaces</dt>
                <dd>{rule.ns.join(", ")}</dd>
              </>
            )}
            <dt>Default</dt>
            <dd>{rule.default ? "yes: serves names without a prefix" : "no"}</dd>
            <dt>Credentials</dt>
            <dd>{rule.credentials.join(", ") || "none: anonymous"}</dd>
            <dt>Pull access</dt>
            <dd>
              {rule.anonymous ? "anonymous" : "token required, unless AUTH is open"}
              {rule.networks.length > 0 && `; anonymous from ${rule.networks.join(", ")}`}
              {rule.quietNetworks !== undefined &&
                `; pulls from ${rule.quietNetworks.join(", ")} do not count as use`}
            </dd>
          </dl>
          <p class="buttons">
            <ActionLink may={mayChange} href={`/rules/validate?name=${name}`}>
              Validate
            </ActionLink>
            <a class="button quiet" href={`/images?rule=${name}`}>
              View images
            </a>
            <ActionLink may={mayChange && !rule.readOnly} href={`/rules/edit?name=${name}`}>
              Edit
            </ActionLink>
            <ActionLink
              may={mayChange && !rule.readOnly}
              href={`/rules/delete?name=${name}`}
              kind="danger"
            >
              Delete
            </ActionLink>
          </p>
          {rule.readOnly && (
            <p class="hint">
              This rule is part of the deployment's configuration. To change it, edit wrangler.toml
              and deploy.
            </p>
          )}
        </Card>
        {rule.fields && (
          <Card title="Fields">
            <CopyBlock
              label="Fields of the rule"
              text={JSON.stringify(rule.fields, undefined, 2)}
            />
          </Card>
        )}
      </>
    ),
  };
}

export function findRule(api: Api, query: URLSearchParams): Promise<RuleAnswer> {
  return api.get(`/rules/${encodeURIComponent(query.get("name") ?? "")}`);
}
