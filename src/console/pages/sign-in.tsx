// Sign-in page, and the page of a deployment whose console is not enabled.

import type { Ways } from "../../http/shared/console-host.ts";
import { Problems } from "../parts/parts.tsx";

export function SignIn({
  to,
  ways,
  problem,
}: {
  to: string;
  ways: Ways;
  problem: string | undefined;
}) {
  if (!ways.token && !ways.access) return <ConsoleDisabled />;
  const message = problem ?? ways.problem;
  return (
    <>
      {message !== undefined && <Problems problems={[message]} />}
      {ways.access && (
        <p class="card">
          <a class="button" href={`/api/sign-in?to=${encodeURIComponent(to)}`}>
            Sign in with Cloudflare Access
          </a>
        </p>
      )}
      {ways.token && <TokenForm to={to} />}
    </>
  );
}

function TokenForm({ to }: { to: string }) {
  return (
    <form method="post" action={`/sign-in?to=${encodeURIComponent(to)}`} class="card stack">
      <input type="hidden" name="to" value={to} />
      <label>
        Admin token
        <input
          type="password"
          name="token"
          required
          autofocus
          autocomplete="current-password"
          spellcheck={false}
        />
      </label>
      <p class="hint">
        The secret <code>ADMIN_TOKEN</code> of this deployment, or <code>VIEWER_TOKEN</code> for
        read-only access. A session lasts twelve hours.
      </p>
      <button type="submit">Sign in</button>
    </form>
  );
}

export function ConsoleDisabled() {
  return (
    <div class="card stack">
      <p>
        This is a registry cache. Images can be pulled from here, but the console is not enabled
        yet.
      </p>
      <p>To enable it, set an admin token (no new deployment is needed):</p>
      <pre>
        <code>openssl rand -hex 24 | tee /dev/tty | npx wrangler secret put ADMIN_TOKEN</code>
      </pre>
      <p>
        or allow sign-in with Cloudflare Access, by <code>AUTH.access</code> in the configuration.
      </p>
    </div>
  );
}
