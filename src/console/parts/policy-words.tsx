// Policy description: lifecycle policies in words.

/** Policy in ECR's syntax, with the fields used here. Not validated here: the API does that. */
export interface Policy {
  repositories?: string[];
  protect?: string[];
  rules: {
    rulePriority: number;
    description?: string;
    selection: {
      tagStatus: string;
      tagPatternList?: string[];
      tagPrefixList?: string[];
      countType: string;
      countUnit?: string;
      countNumber: number;
    };
    action: { type: string };
  }[];
}

export function PolicyWords({ policies }: { policies: readonly unknown[] }) {
  return (
    <>
      {(policies as Policy[]).map(({ repositories, protect = [], rules }) => (
        <div class="policy">
          <p>
            {repositories ? (
              <>
                In{" "}
                {repositories.map((glob) => (
                  <code>{glob}</code>
                ))}
              </>
            ) : (
              "In all repositories"
            )}
            {rules.length === 0 ? ", nothing expires." : ", these expire:"}
          </p>
          <ol>
            {rules.map(({ rulePriority, selection, description }) => (
              <li value={rulePriority}>
                {wordsOf(selection)}
                {description !== undefined && <span class="hint"> – {description}</span>}
              </li>
            ))}
          </ol>
          {protect.length > 0 && (
            <p>
              Never expire:{" "}
              {protect.map((glob) => (
                <code>{glob}</code>
              ))}
            </p>
          )}
        </div>
      ))}
    </>
  );
}

type Selection = Policy["rules"][number]["selection"];

const STATUSES: Record<string, string> = { any: "any image", untagged: "untagged images" };

function wordsOf(selection: Selection): string {
  const { tagStatus, tagPatternList, tagPrefixList, countType, countNumber: many } = selection;
  const which =
    STATUSES[tagStatus] ??
    `images tagged ${(tagPatternList ?? tagPrefixList?.map((one) => `${one}*`) ?? []).join(", ")}`;
  switch (countType) {
    case "imageCountMoreThan":
      return `${which} except the latest ${many} of each repository`;
    case "sinceImagePushed":
      return `${which} cached more than ${many} days ago`;
    case "sinceImagePulled":
      return `${which} not pulled for ${many} days`;
    default:
      return `${which} beyond ${many} GB in total, least recently pulled first`;
  }
}
