import { route } from "../../app/route.ts";
import { Run } from "./run.tsx";
import { Runs } from "./runs.tsx";

/** The migrations from Chroma, or the one that the address names. */
export default function Migration() {
  const id = route.value.path[1];
  return id === undefined ? <Runs /> : <Run key={id} id={id} />;
}
