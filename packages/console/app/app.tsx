import { signedIn } from "../request/session.ts";
import { Frame } from "./frame.tsx";
import { SignIn } from "./sign-in.tsx";

export function App() {
  return signedIn.value ? <Frame identity={signedIn.value.identity} /> : <SignIn />;
}
