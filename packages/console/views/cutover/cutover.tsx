import { Page } from "../../components/page.tsx";

export default function Cutover() {
  return <Page title="Cut-over">{undefined}</Page>;
}
