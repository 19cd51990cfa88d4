import { formatCount, formatMoment } from "../../components/format.ts";
import type { CutoverReport, SeriesPoint } from "./api.ts";

const HEIGHT = 64;

/** Bars that a chart has at least, so that few reads do not become a wide block. */
const MIN_STEPS = 24;

/** Compared reads over time: those that agree, and those that differ on top of them. */
export function AgreementChart({ report }: { readonly report: CutoverReport }) {
  const { series, step_minutes: step, created_at: end } = report;
  const stepMs = 60_000 * step;
  const first = Date.parse(series[0]?.at ?? end);
  const steps = Math.max(MIN_STEPS, Math.ceil((Date.parse(end) - first) / stepMs));
  const start = Date.parse(end) - stepMs * steps;
  const highest = Math.max(...series.map(totalOf), 1);
  const differed = series.reduce((sum, point) => sum + point.differed, 0);
  const compared = series.reduce((sum, point) => sum + totalOf(point), 0);
  return (
    <figure>
      <figcaption>
        Compared reads, {step === 1 ? "a minute" : `${step} minutes`} a bar: {formatCount(compared)}, of which{" "}
        {formatCount(differed)} differed
      </figcaption>
      <svg class="agreement" viewBox={`0 0 ${steps} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {series.map((point) => {
          const x = Math.max(0, Math.min(steps - 1, Math.floor((Date.parse(point.at) - start) / stepMs)));
          const total = (HEIGHT * totalOf(point)) / highest;
          const wrong = point.differed === 0 ? 0 : Math.max(3, (HEIGHT * point.differed) / highest);
          return (
            <g key={point.at}>
              <title>{`${formatMoment(point.at)}: ${totalOf(point)} compared, ${point.differed} differed`}</title>
              <rect x={x + 0.1} width={0.8} y={HEIGHT - total} height={total} />
              <rect x={x + 0.1} width={0.8} y={HEIGHT - total} height={Math.min(wrong, total)} class="differed" />
            </g>
          );
        })}
      </svg>
      <div class="axis">
        <span>{formatMoment(new Date(start).toISOString())}</span>
        <span>now</span>
      </div>
    </figure>
  );
}

function totalOf({ agreed, missed, differed }: SeriesPoint): number {
  return agreed + missed + differed;
}
