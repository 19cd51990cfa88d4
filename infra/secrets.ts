/** Secrets, set with `npx sst secret set <Name>`; "unset" means none. They are linked resources, never environment variables. */
export function secrets() {
  return {
    databaseUrl: new sst.Secret("DatabaseUrl"),
    databaseDirectUrl: new sst.Secret("DatabaseDirectUrl", "unset"),
    openAiApiKey: new sst.Secret("OpenAiApiKey", "unset"),
    chatApiKey: new sst.Secret("ChatApiKey", "unset"),
    rerankApiKey: new sst.Secret("RerankApiKey", "unset"),
    chromaUrl: new sst.Secret("ChromaUrl", "unset"),
    chromaToken: new sst.Secret("ChromaToken", "unset"),
  };
}

export type Secrets = ReturnType<typeof secrets>;
