import { route } from "../../app/route.ts";
import { Tenant } from "./tenant.tsx";
import { Tenants } from "./tenants.tsx";

/** The tenants on their way from Chroma to Cairn, or the one that the address names. */
export default function Cutover() {
  const id = route.value.path[1];
  return id === undefined ? <Tenants /> : <Tenant key={id} id={id} />;
}
