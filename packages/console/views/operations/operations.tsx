import { Page } from "../../components/page.tsx";

export default function Operations() {
  return <Page title="Operations">{undefined}</Page>;
}
