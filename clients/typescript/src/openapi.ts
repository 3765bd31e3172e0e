// Made from docs/openapi.json by `npm run generate`. Do not change it here.

export interface paths {
    "/api/agents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the agents, by name.
         * @description `{"agents": [ … ]}`, by name.
         */
        get: operations["listAgents"];
        put?: never;
        /**
         * Deploys an agent from files or from a prompt.
         * @description Deploys an agent: the first version of that name, or the next. Answers 201 with `{"agent": …}`. A
         *     deploy that fails changes nothing. Body, at most 96 MiB:
         *
         *     Without `files`, `systemPrompt` and `path` the agent gets a `CLAUDE.md` with its name.
         *
         *     The folder must have a `CLAUDE.md`. Symbolic links, devices, pipes and sockets are refused; of the
         *     modes only the owner's `x` counts. Limits: 256 MiB and 50,000 files (`agents.bytes_mib_max`,
         *     `agents.files_max`), paths of 1,024 bytes and 64 names. From a `path`, what a `.ashignore` names is
         *     left out.
         *
         *     Values of `env` are never shown. Two deploys of the same content have the same `digest`.
         */
        post: operations["deployAgent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about an agent.
         * @description `{"agent": …}`, or 404.
         */
        get: operations["getAgent"];
        put?: never;
        post?: never;
        /**
         * Deletes an agent; its sessions go on.
         * @description `{"ok": true}`, or 404. The agent's sessions go on: each has its own copy of the files. Its cases and runs go
         *     with it.
         */
        delete: operations["deleteAgent"];
        options?: never;
        head?: never;
        /**
         * Changes what holds for the next sessions of an agent.
         * @description Changes what holds for the agent's next sessions and answers `{"agent": …}`; those that are there keep what they
         *     have. Body: `env` (all of it: a variable that is not named is gone, `{}` clears), `allowedHosts`, `limits`, as in a
         *     deploy, and `config`, member by member. What is absent stays. In `env` the value
         *     `***`, as it is shown, stands for the one there was.
         */
        patch: operations["changeAgent"];
        trace?: never;
    };
    "/api/agents/{name}/bundle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Deploys an agent from an archive.
         * @description The same from a tar archive, which is streamed: plain, or compressed with gzip or zstd (told by its
         *     first bytes). The header `ash-agent-env` carries `env`: base64 (URL alphabet, no padding) of a JSON
         *     object of strings; `ash-agent-hosts` carries `allowedHosts`, with commas between; `ash-agent-limits` carries `limits`, as `name=number`, likewise. The body has at most the bytes an agent may have, and 1.5 KiB more for each file
         *     it may have.
         */
        put: operations["uploadAgent"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells what an agent presets for its sessions.
         * @description `{"config": …}`: the options that the agent presets. Values of `env` and `headers` of servers are shown as `***`.
         */
        get: operations["getAgentConfig"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Changes what an agent presets, by members.
         * @description Changes them and answers `{"config": …}`. Each is an option of `POST /api/sessions` and judged as there:
         *     `model`, `systemPrompt`, `permissionMode`, `askPermissions`, `permissionTimeoutSeconds`, `onPermissionTimeout`,
         *     `allowedTools`, `disallowedTools`, `mcpServers`, `subagents`, `initialAgent`, `betas`. A member replaces the one
         *     there was, as a whole; `null` takes it away; what is absent stays. Other members are refused by their names.
         *
         *     A session gets what its creation does not say itself, member by member, and keeps it for its life: after a
         *     resume, a restart, in a fork. An empty list says something. A creation that says `askPermissions: false`, or a mode that never
         *     asks, has nothing of the agent's asking.
         */
        patch: operations["changeAgentConfig"];
        trace?: never;
    };
    "/api/agents/{name}/eval-cases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the cases of an agent, the oldest first.
         * @description What the agent is asked to see how well it does: `{"cases": [ … ]}`, the oldest first. Query: `category`, `isActive`.
         *     At most 500 of an agent. They go with it when it is deleted.
         */
        get: operations["listEvalCases"];
        put?: never;
        /**
         * Adds a case.
         * @description Adds a case and answers 201 with `{"case": …}`; its members stand beside that once more, as in the answers about
         *     one run or result.
         *
         *     A case has at most 16 KiB as JSON, and 100 of each list.
         */
        post: operations["createEvalCase"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-cases/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells all cases, as an import takes them.
         * @description All cases: `{"cases": [ … ]}`, as an import takes them.
         */
        get: operations["exportEvalCases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-cases/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Adds cases, all or none.
         * @description Adds `{"cases": [ … ]}`, all or none, and answers `{"imported": …}`. What an export has beside the content of a case
         *     (`id`, `tenantId`, `agentName`, `createdAt`, `updatedAt`) is not taken over.
         */
        post: operations["importEvalCases"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-cases/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about a case.
         * @description `{"case": …}`, or 404 `eval_not_found`.
         */
        get: operations["getEvalCase"];
        put?: never;
        post?: never;
        /**
         * Deletes a case; its results stay.
         * @description `{"deleted": true}`. Results of it stay.
         */
        delete: operations["deleteEvalCase"];
        options?: never;
        head?: never;
        /**
         * Changes a case; runs that began have it as it was.
         * @description Changes a case: what is absent stays, `null` clears. A run that began has the case as it was.
         */
        patch: operations["changeEvalCase"];
        trace?: never;
    };
    "/api/agents/{name}/eval-results/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Notes what a person thinks of a result.
         * @description Scores one result, likewise: `{"result": …}`.
         */
        patch: operations["scoreEvalResult"];
        trace?: never;
    };
    "/api/agents/{name}/eval-runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the runs, the newest first.
         * @description `{"runs": [ … ]}`, the newest first.
         */
        get: operations["listEvalRuns"];
        put?: never;
        /**
         * Puts the cases to a version of the agent.
         * @description Puts the active cases to a version of the agent, and answers 201 with `{"run": …}`; nobody has to stay connected.
         *
         *     Each case is a job of its own in a session of its own, tried again twice if it fails;
         *     `jobs.at_once` of them run at the same time, and those with a higher priority go before. A run outlives a restart
         *     and a crash of ashd (0051). `status` is `pending`, `running`, `completed`,
         *     `failed` (every case ended with an error) or `cancelled`; `summary` is there when the run is over. `passRate` is of all
         *     cases, the other figures are of those with an answer. No case at all is 400. The newest 50 runs of an agent are kept.
         */
        post: operations["startEvalRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-runs/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sets the results of two runs side by side.
         * @description Two runs side by side. Query: `runA`, `runB`. `{"comparison": {"runA": …, "runB": …, "results": [ … ]}}`; each
         *     of `results` has `caseId`, `question`, and in `resultA` and `resultB` the result or `null`.
         */
        get: operations["compareEvalRuns"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-runs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about a run.
         * @description `{"run": …}`, or 404 `eval_not_found`.
         */
        get: operations["getEvalRun"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-runs/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancels what of a run is not over.
         * @description Cancels what is not over and answers `{"run": …}`: turns that run are interrupted, answers that are there stay.
         *     A run that is over answers 400 `eval_state`.
         */
        post: operations["cancelEvalRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-runs/{id}/results": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the results of a run.
         * @description `{"results": [ … ]}`, in the order of the cases.
         *
         *     `status` is `pending`, `running`, `completed`, `error` or `cancelled`. `topicScore` and `safetyScore` are the parts of
         *     `expectedTopics` that the answer has and of `expectedNotTopics` that it does not have, 1 if there are none. It `passed`
         *     if both are 0.5 at least and every check holds; `failures` says what did not hold. `latencyMs` is how long the turn took.
         *     Of `agentResponse` and `error` 32 KiB are kept, and scores are of up to 1 MiB; the history of the session has all of it.
         */
        get: operations["listEvalResults"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/eval-runs/{id}/score": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Notes what a person thinks of results of a run.
         * @description What a person thinks of the results of a run, or of the one that `resultId` names: `humanScore` (1 to 5), `humanNotes`
         *     (at most 10,000 characters), or both. `{"scored": …, "results": [ … ]}`.
         */
        post: operations["scoreEvalRun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the files of an agent.
         * @description `{"files": [{path, size, modifiedAt}]}` of the active version, or of `?version=`.
         */
        get: operations["listAgentFiles"];
        put?: never;
        /**
         * Writes files of an agent, as its next version.
         * @description Writes files, all of them or none: `{"files": [{path, content, executable?}]}`, from 1 to 500, `content` in base64, at most 96
         *     MiB in all. They become the agent's next version, which is active: `{"written": n, "agent": …}`. The whole folder is copied for it:
         *     write several at a time. If others change the agent meanwhile, again and again, 409 `agent_changed`.
         */
        post: operations["writeAgentFiles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reads a file of an agent.
         * @description A file of it: `{path, content, size}`, for text of at most 1 MiB; with `?format=raw` its bytes, at most 100 MiB.
         */
        get: operations["readAgentFile"];
        put?: never;
        post?: never;
        /**
         * Deletes a file of an agent, as its next version.
         * @description Removes a file, likewise: `{"path": …, "deleted": true, "agent": …}`. `CLAUDE.md` cannot be missed.
         */
        delete: operations["deleteAgentFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the versions of an agent, newest first.
         * @description `{"versions": [ … ]}`, the newest first. Each deploy and each change of files is a version; the last 100 of an agent are
         *     kept, and the active one.
         */
        get: operations["listVersions"];
        put?: never;
        /**
         * Makes a version from the files of another.
         * @description Makes a version from the files of another, beside the active one, and answers 201 with `{"version": …}`, which has its
         *     members beside it, too. Body: `cloneFrom` (number or id of the version whose files it gets; absent: the active one),
         *     `systemPrompt` (its `CLAUDE.md`, at most 1,000,000 bytes), `name` (255 bytes), `releaseNotes` (10,000 bytes), `knowledgeFiles`
         *     (names, at most 1,000, for who reads them: Ash does not).
         *
         *     `createdBy` is the id of an API key, `configuration` for the one of the configuration, `administrator` for the admin
         *     socket; `systemPrompt` what it was made with, `null` for a deploy.
         */
        post: operations["createVersion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/agents/{name}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about a version.
         * @description `{"version": …}`. `{version}` is the number or the id, here and below.
         */
        get: operations["getVersion"];
        put?: never;
        post?: never;
        /**
         * Deletes a version that is not active.
         * @description `{"deleted": true}`. Sessions of it go on. The active one answers 409 `version_active`. Its number is not given again.
         */
        delete: operations["deleteVersion"];
        options?: never;
        head?: never;
        /**
         * Changes what is told of a version.
         * @description Changes `name`, `releaseNotes` and `knowledgeFiles`; `null` takes one away. A `systemPrompt` other than the one it has is
         *     refused: files of a version never change.
         */
        patch: operations["changeVersion"];
        trace?: never;
    };
    "/api/agents/{name}/versions/{version}/activate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives new sessions this version.
         * @description New sessions get it from now on: `{"activated": true, "versionNumber": n, "agent": …}`. Also the way back to an older one.
         */
        post: operations["activateVersion"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells how much there is of everything.
         * @description An overview of the tenant in the original's shape: `agents` (`total`), `sessions` (`total`, `byStatus`; those
         *     created between `after` and `before`), `usage` (the `stats` above, of the same time), and `evals`
         *     (`totalRuns`, `byStatus`; those that were made in it).
         */
        get: operations["showAnalytics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the API keys.
         * @description `{"keys": [ … ]}`, the oldest first, without the keys themselves and without that of the configuration.
         *     `lastUsedAt` is right to the minute. Over the admin socket those of all tenants, or of the one that `Ash-Tenant` names. Scope `admin`.
         */
        get: operations["listApiKeys"];
        put?: never;
        /**
         * Makes an API key.
         * @description Makes an API key and answers 201 with it: the only time that `key` is shown. Scope `admin`.
         *
         *     Of a key ashd keeps its SHA-256 digest. There are at most 10,000.
         */
        post: operations["createApiKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/api-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revokes an API key.
         * @description Revokes a key and answers `{"ok": true}`: its next request is answered 401, and streams that it has opened end
         *     as if their connection were lost, as they do when it expires. Turns go on. Scope `admin`.
         */
        delete: operations["revokeApiKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/attachments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reads an attachment.
         * @description The file as it is in the workspace now, as a file is read: the agent may have changed it,
         *     and 404 `file_not_found` says that it is gone. Always `application/octet-stream`, `nosniff`, and as a
         *     download.
         */
        get: operations["readAttachment"];
        put?: never;
        post?: never;
        /**
         * Removes an attachment and its file.
         * @description Removes the attachment and its file, and answers `{"deleted": true}`.
         */
        delete: operations["deleteAttachment"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/budget": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells what the tenant may use of the model, and has used.
         * @description What the sessions of the caller's tenant may use of the model together, and have used, those that are gone
         *     included: `tenantId`, `budget` (`null`, or `tokens`, `dollars`, `reached`) and `usage`, as in a session.
         */
        get: operations["showBudget"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Changes what a tenant may use of the model.
         * @description Changes it, as that of a session. Over the admin socket only; the header `ash-tenant` names another tenant
         *     than `default`. When nothing is left, the requests of all its sessions are refused.
         */
        patch: operations["changeTenantBudget"];
        trace?: never;
    };
    "/api/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells what ashd runs with.
         * @description What ashd runs with. Over the admin socket only: an API key is answered 403. `files` are those that were
         *     read, lowest first; each of `settings` has a `key`, its `value` (`***` for a secret, `null` if it is not
         *     set), and `from`: `default`, `environment` with the `variable`, or `file` with `path` and `line`.
         */
        get: operations["showConfiguration"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/config/reload": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reads the configuration again.
         * @description Has ashd read its configuration again, and answers when that is done. Over the admin socket only.
         *     `changed` is in force from now on; `pending` waits until the units in `restart` are restarted. A
         *     configuration that is wrong answers 422 `config_invalid`, and the old one stays in force.
         */
        post: operations["reloadConfiguration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the credentials of the tenant.
         * @description `{"credentials": [ … ]}` of the tenant, the oldest first, without the keys. `lastUsedAt` is right to the
         *     minute.
         */
        get: operations["listCredentials"];
        put?: never;
        /**
         * Stores a key of the tenant that its sessions can have used for them.
         * @description Stores a key that ash-egress uses for sessions of the tenant, and answers 201 with `{"credential": …}`. The key
         *     is sealed to ash-egress, never shown again, and in no sandbox. Scope `admin`. Body,
         *     at most 64 KiB:
         *
         *     The variable for the key holds the session's placeholder. What a tool sends with it, as `Authorization: Bearer` or
         *     `x-api-key`, to the address in the other variable goes on to the API with the key in its place, whatever method and
         *     path it has below that address; who has a credential for tools keeps the host's key for the model. These variables win over the
         *     agent's, and those of the session win over them. Access keys of AWS, which sign each request, are refused
         *     (why). A tenant has at most 1,000.
         *
         *     A session is created with it (`credentialId`), or given it later
         *     (`PATCH …/config`). `active` is false if ash-egress has no key that opens it;
         *     no session can be given such a one.
         */
        post: operations["createCredential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/credentials/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Deletes a credential.
         * @description Deletes a credential and answers `{"deleted": true}`. What its sessions ask of the model from now on is
         *     refused: their turns end with an `error` event whose code is `credential_unavailable`, until they are given
         *     another one. An answer that is under way is not cut. Scope `admin`.
         */
        delete: operations["deleteCredential"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/database/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sends a copy of the database.
         * @description The whole database at this moment, as a SQLite file with its `Content-Length`; turns go on. Only over the
         *     admin socket, else 403 `forbidden`. Without room for a copy in the data folder: 507 `disk_full`.
         */
        get: operations["backUpDatabase"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/database/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells whether the database is sound.
         * @description Whether the database is sound: `{sound, schema, sessions, turns, frames, bytes, findings: [{kind,
         *     sessionId?, text, hint}]}` with the kinds `damage`, `orphan`, `gap`, `end`, `stuck`. Only over the admin
         *     socket.
         */
        get: operations["checkDatabase"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells whether work is taken.
         * @description The same, and changes nothing; `since` is `null` if work is taken.
         */
        get: operations["showDrain"];
        put?: never;
        /**
         * Takes no new work.
         * @description Takes no new sessions, forks and messages: each is refused with 503 `draining` and `Retry-After`, until the
         *     drain is undone or ashd is started again. What was taken before runs to its end, and a message that comes
         *     again with its `Idempotency-Key` finds its turn. Over the admin socket only. Answers `since`, and in `busy`
         *     the sessions with a turn that runs or waits.
         */
        post: operations["drain"];
        /**
         * Takes work again.
         * @description Takes work again; answers the same.
         */
        delete: operations["undoDrain"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Streams what happens on the host.
         * @description What happens on the host, as server-sent events. Over the admin socket only. ashd keeps the last 4096
         *     events in memory; the journal has them all. The query may have `session`; `after` (or the header
         *     `Last-Event-ID`), the number behind which to begin, or `last`, how many of the past; `follow=false` ends
         *     behind what has happened so far. Numbers grow by one, and those of a later ashd are greater than those of
         *     an earlier one. What is asked for and not kept is told with `resync`, as in the
         *     stream of a session; its `reason` is `restarted` for who comes with the number of an
         *     earlier ashd and misses nothing of this one. Each event has `number`, `at`, `event`, and what applies of
         *     `session`, `agent`, `turn` and:
         */
        get: operations["followHost"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/load": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells what the sessions use now that have not ended.
         * @description What sessions use now that have not ended. Over the admin socket only. `at` is when the figures were read; each
         *     of `sessions` has `session`, `agent`, `status`, `tier`, `queuedTurns`, `inputTokens`, `outputTokens`,
         *     `costUsd` (as Claude Code told since this ashd drives the session), while a turn runs `turn` and
         *     `turnSince`, and, where the kernel counts it, `cpuMicroseconds` since its sandbox was started,
         *     `memoryBytes` and `tasks`.
         */
        get: operations["showLoad"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the jobs, the newest first.
         * @description `{"items": [ … ]}`, the newest first. Query: `status`, `limit` (1 to 500, default 50).
         */
        get: operations["listJobs"];
        put?: never;
        /**
         * Has a prompt run in the background.
         * @description Has a prompt run in the background: a *job*. Answers 201 with `{"item": …}`; nobody has to stay connected.
         *
         *     `status` is `pending`, `processing`, `completed`, `failed` or `cancelled`. `result` is the answer, `error` why the
         *     latest attempt failed, each at most 1 MiB; the history of the session has all of it. `jobs.at_once` jobs run at the
         *     same time. A failed attempt is followed by another after 5 seconds, then 10, 20 and so on up to 5 minutes (`dueAt`);
         *     one that finds no room on the host, or a store that fails, is not counted (0048). A used-up budget, or an agent or
         *     session that is gone, is not tried again. A job outlives a restart and a crash of ashd: an attempt that ran goes
         *     on with its turn, and its prompt is not said twice. At most 10,000 of a tenant wait, else 429 `queue_full`. Those
         *     that are over are forgotten after `jobs.keep_hours`.
         */
        post: operations["createJob"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Counts the jobs of each status.
         * @description How many there are of each status: `{"stats": {pending, processing, completed, failed, cancelled}}`.
         */
        get: operations["countJobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about a job and its answer.
         * @description `{"item": …}`, or 404 `job_not_found`.
         */
        get: operations["getJob"];
        put?: never;
        post?: never;
        /**
         * Cancels a job; one that runs is interrupted.
         * @description Cancels a job and answers `{"item": …}`. One that runs is interrupted: its own session ends, of another session the
         *     turn. One that is over answers 400 `job_state`.
         */
        delete: operations["cancelJob"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/schedules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the schedules.
         * @description `{"schedules": [ … ]}`, the oldest first. With `allTenants=true`, over the admin socket only, those of everybody.
         */
        get: operations["listSchedules"];
        put?: never;
        /**
         * Has a prompt run at its times.
         * @description Has a prompt run at its times: each time it becomes a job. Scope `deploy`, since it goes on when the key
         *     is gone. Answers 201 with `{"schedule": …}`.
         *
         *     `lastOutcome` says what became of the latest time: `started`, `held`, `skipped_overlap`, `skipped_missed`, or
         *     `skipped_full`: 10,000 jobs of the tenant waited. The job and the next time are stored in one step, so that a crash neither
         *     loses a run nor does it twice (0050). An agent that is gone shows in its jobs, which fail. A
         *     tenant has at most 200, else 409 `too_many_schedules`.
         */
        post: operations["createSchedule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/schedules/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about a schedule.
         * @description `{"schedule": …}`, or 404 `schedule_not_found`.
         */
        get: operations["getSchedule"];
        put?: never;
        post?: never;
        /**
         * Deletes a schedule; its jobs go on.
         * @description Deletes it, and answers `{"deleted": true}`; its jobs go on. Scope `deploy`.
         */
        delete: operations["deleteSchedule"];
        options?: never;
        head?: never;
        /**
         * Changes a schedule, or disables it.
         * @description Changes `cron`, `timezone`, `prompt`, `missed`, `overlap` or `enabled`; what is absent stays. Scope `deploy`. Other times,
         *     and one that is enabled, count from now on: nothing was missed.
         */
        patch: operations["changeSchedule"];
        trace?: never;
    };
    "/api/schedules/{id}/run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a schedule run now.
         * @description Has it run now, beside its times and whatever runs, and answers 201 with the job, `{"item": …}`.
         */
        post: operations["runSchedule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists sessions, the newest first.
         * @description `{"sessions": [ … ], "total": n}`, newest first. Query: `agent`, `status`, `limit` (1 to 1000,
         *     default 1000), `offset`, `cursor`. `total` counts all that match.
         */
        get: operations["listSessions"];
        put?: never;
        /**
         * Creates a session of an agent.
         * @description Creates a session of the agent's active version. Answers 201 with `{"session": …}` when its sandbox
         *     is up; the CLI starts meanwhile. A creation that fails leaves nothing behind. Body, at most 16 MiB:
         *
         *     Lists and objects have at most 1,000 entries, a rule or name 1,000 bytes, all variables together
         *     1 MiB, one of them 128 KiB. These variables are Ash's and refused: `ANTHROPIC_API_KEY`,
         *     `ANTHROPIC_AUTH_TOKEN`, `ANTHROPIC_BASE_URL`, `ANTHROPIC_UNIX_SOCKET`, `CLAUDE_CODE_OAUTH_TOKEN`,
         *     `CLAUDE_CONFIG_DIR`, `CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS`, `HOME`, `PWD`.
         *
         *     `config` shows the options; of servers and variables only the names. `allowedHosts` is what the agent had
         *     when the session was created. `usage` is what it has used of the model, as counted at its way out, some
         *     milliseconds old; `budget` what it may use, with `reached` if nothing is left. `busy`: a turn runs.
         *     `queuedTurns`: messages that wait behind it. `openPermissions`: questions that wait for an answer. `status` is what was asked of the session, `tier` how its
         *     sandbox is:
         *
         *     A session that rests becomes colder with time and when the host is short of memory or room
         *     (`tiers.*`), never in a turn. A message or a resume makes it hot, and so does a look
         *     at the files of a frozen one. Nothing has to be done for that: an `active` session takes messages in every tier.
         */
        post: operations["createSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about a session.
         * @description `{"session": …}`, or 404.
         */
        get: operations["getSession"];
        put?: never;
        post?: never;
        /**
         * Ends a session.
         * @description Ends the session in any status and answers `{"session": …}` with the status `ended`, when nothing of
         *     it runs any more. A running turn and those that wait end with an `error` and `done`. Ending twice is
         *     ending once. The files are removed after `sessions.keep_ended_hours`.
         */
        delete: operations["endSession"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/archive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a snapshot of a session outside of the host.
         * @description Makes a snapshot of the session outside of the host and removes its files here; answers `{"session": …}`
         *     with the tier `archived` and `archive`: `{madeAt, bytes, away}`. History and events stay readable. A
         *     message, a resume, a fork or a look at its files brings the files back first. With `?keep=true` the files
         *     stay, and only the snapshot is made. Its sandbox is ended, if it has one. A session with a turn that runs
         *     or waits, or to which a message comes meanwhile, answers 409 `session_busy`; one that has ended 410
         *     `session_ended`; a place that fails 503 `archive_failed`, and nothing was changed.
         */
        post: operations["archiveSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/attachments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the attachments of a session.
         * @description `{"attachments": [ … ]}`, the oldest first.
         */
        get: operations["listAttachments"];
        put?: never;
        /**
         * Gives a file to a session.
         * @description Gives a file to the session and answers 201 with `{"attachment": …}`. It is written into `attachments/` of the
         *     workspace, inside the sandbox or a jail, and goes wherever that goes: a fork, an
         *     archive, another host. Tell the agent its `path`. Body: JSON, as large as `sessions.attachment_mib_max` (default
         *     32 MiB) makes it in base64:
         *
         *     A session has at most 1,000 of 1 GiB together. One that has ended answers 410.
         */
        post: operations["createAttachment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what was decided at the way out of a session.
         * @description What was decided at the session's way out, oldest first: `{"entries": [ … ]}`. Query: `after`, `limit` (1 to
         *     1000, default 200).
         *
         *     An entry comes when a request or tunnel is over, some milliseconds later. Entries that wait while ashd
         *     is away are kept by ash-egress, up to 8192; those it loses when it is restarted meanwhile are still in
         *     the journal.
         */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/budget": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Changes what a session may use of the model.
         * @description Changes what the session may use of the model: `tokens`, `dollars`, as at its creation; what is absent
         *     stays, `null` is no limit. It holds from the next request to the model on. Answers the session.
         *
         *     A request to the model begins as long as something is left, so the last one may use more
         *     (0027). When nothing is left, requests are refused: the
         *     running turn ends with an `error` event with the code `budget_reached`, and the session goes on as soon as the
         *     budget is raised.
         */
        patch: operations["changeBudget"];
        trace?: never;
    };
    "/api/sessions/{id}/config": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Changes options of a session.
         * @description Changes options of a session and answers `{"session": …}`. Body, at most 16 MiB: `model`, `systemPrompt`,
         *     `permissionMode`, `askPermissions`, `permissionTimeoutSeconds`, `onPermissionTimeout`, `allowedTools`,
         *     `disallowedTools`, `betas`, `subagents`, `initialAgent`, `credentialId`, as in a creation. What is absent stays,
         *     `null` takes an option away, a list replaces the one there was. The result is judged as a creation would be.
         *
         *     The running Claude Code is told of another `model` or `permissionMode` at once, also in the middle of a
         *     turn; to `bypassPermissions` and `permissionsByAgent`, and of all the other options, the next message starts
         *     it anew, with the conversation. A message's own options win for its turn. One that has ended answers 410.
         */
        patch: operations["configureSession"];
        trace?: never;
    };
    "/api/sessions/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the timeline of a session.
         * @description The timeline, oldest first: `{"events": [ … ]}`. Query: `after`, `cursor`, `limit` (1 to 1000, default 200),
         *     `type`. Each has `id`, `sessionId`, `tenantId`, `type`, `data`, `sequence` (its own count, from 1
         *     without gaps), `createdAt`. `data` is JSON in a string:
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/exec": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Runs a command in a session.
         * @description Runs a command in the session's sandbox, beside its turns, or in a jail if it has
         *     none; there it has no way to the model. Body, at most 24 MiB:
         *
         *     `exitCode` is 128 and the signal for a command that a signal ended, 124 if it took too long
         *     (`timedOut`), 126 or 127 if it could not be executed. When its time is over it and all that it began get
         *     SIGTERM, a second later SIGKILL; a client that leaves ends them at once. What it began is known by its process group, its
         *     parent, and the variable `ASH_COMMAND`, which each command has. What a command that ends in its time leaves running stays
         *     in the sandbox. Each output is text; what is not UTF-8 is replaced. Both together have at
         *     most 10 MiB; the rest is dropped, and `truncated` says so.
         *
         *     With `stream` the answer is `text/event-stream`, and output has at most 1 GiB: `start` (`{execId}`), then
         *     `stdout` and `stderr`, each `{"text": …}` or, where it is no UTF-8, `{"base64": …}`, and last `exit` (the
         *     members above but the outputs), or `error` (a problem). Eight commands may run in a session at a
         *     time; one more answers 429 `too_many_commands`. A message to a session without a sandbox waits 10 seconds
         *     for the commands in its jail; then they are cut off (503 `cut_off`).
         */
        post: operations["execCommand"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the files of a workspace.
         * @description The regular files of the workspace: `{"files": [{path, size, modifiedAt}], "source": "sandbox",
         *     "truncated": false}`. At most 10,000; `truncated` says that there are more. Never listed:
         *     `node_modules`, `.git`, `__pycache__`, `.DS_Store`, and names that end in `.sock`, `.lock`, `.pid`.
         *     With `?includeHidden=false` also not `.cache`, `.npm`, `.pnpm-store`, `.yarn`, `.venv`, `venv`,
         *     `.tmp`, `tmp`.
         *
         *     Files are read inside the sandbox. A session that has none, also one that has ended, is served by a
         *     short jail and stays as cold as it is; `source` is then `snapshot`. The files of
         *     an ended session are there for `sessions.keep_ended_hours`; then the answer is 404 `file_not_found`.
         */
        get: operations["listFiles"];
        put?: never;
        /**
         * Writes several files of a workspace.
         * @description The same for 1 to 500 files in one document of at most 96 MiB: `{"files": [{path, content}],
         *     "targetPath": "."}` with the `content` in base64. Answers 200 with what became of each:
         *     `{"files": [{path, written, size?, error?}]}`.
         */
        post: operations["uploadFiles"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/files/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reads a file of a workspace.
         * @description One file. `?format=raw` (default), at most 100 MiB: its bytes as `application/octet-stream`, with
         *     `Content-Length`, `Content-Disposition: attachment` and `X-Ash-Source`, which is the `source`. `?format=json`, at
         *     most 1 MiB of UTF-8: `{path, content, size, source}`. A path that leaves the workspace, also through
         *     a link, answers 400 `path_outside`.
         */
        get: operations["readFile"];
        /**
         * Writes a file of a workspace.
         * @description Writes a file: the body is its content, at most 100 MiB. Folders on the way are made. It is put in its
         *     place in one step when all of it has come, and keeps the mode of what it replaces; `?executable=true` or
         *     `false` changes that. A link is replaced, never followed. Answers `{path, written: true, size}`.
         */
        put: operations["writeFile"];
        post?: never;
        /**
         * Removes a file of a workspace.
         * @description Removes a file or a link, not a folder. Answers `{path, deleted: true}`.
         */
        delete: operations["deleteFile"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/fork": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a new session of one.
         * @description Makes a new session with the files, the history, the conversation and the options of this one, which
         *     does not notice. Answers 201 with `{"session": …, "fork": {turn?, files}}`: status `paused`, tier `hibernated`,
         *     `parentSessionId` set; its first message or a resume starts it. Query: `turn`, the number of an earlier
         *     turn (1 is the first) with which history and conversation end. **Files are those of now** in any case, and the
         *     answer says so: `files` is `now` (why).
         *     A session with a turn that runs or waits answers 409 `session_busy`; one that has ended 410
         *     `session_ended`; a `turn` that is none, or of which no conversation is stored, 400.
         */
        post: operations["forkSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/interrupt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Interrupts the running turn.
         * @description Interrupts the running turn, which then ends with `done`; the session goes on, and so do the
         *     messages that wait. Answers `{"turnId": …}`, or `{"turnId": null}` if no turn ran. Returns at once.
         */
        post: operations["interruptSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what programs of a session's sandbox say for people.
         * @description What programs of the session's sandbox say for people: `install.sh` and `startup.sh` of the agent, what these leave
         *     running, and Claude Code beside the conversation. Also of a session that rests or has ended. `{"logs": [{index, level, text,
         *     ts}], "source": "sandbox"}`, by `index`, from 0; `level` is `stdout`, `stderr`, or `system` for what Ash says of
         *     a program. Query: `after`, the index behind which to begin (default -1: all that is kept).
         *
         *     Of a session the last 10,000 lines and 4 MiB are kept; a longer line than 8 KiB becomes several. A sandbox that says more than
         *     1 MiB at once, or 8 KiB each second, is cut, and a `system` line says so.
         */
        get: operations["listLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the history of a session.
         * @description The history, oldest first: `{"messages": [ … ]}`. Query: `after` (a `sequence`, default 0), `cursor`, `limit`
         *     (1 to 1000, default 100). Each has `id`, `sessionId`, `tenantId`, `role` (`user` or `assistant`),
         *     `content`, `sequence` (from 1 without gaps), `createdAt`. `content` is JSON in a string: a user's
         *     `{"type":"user","content":…}`, or an `assistant` or `result` line of the CLI. A page ends early at
         *     64 MiB; ask again with `after`.
         */
        get: operations["listMessages"];
        put?: never;
        /**
         * Sends a message and streams its turn.
         * @description Sends a message and answers 200 with the stream of its turn. Body, at most 50 MiB:
         *
         *     Each option holds for its message only. `maxTurns`, `maxBudgetUsd`, `effort`, `thinking` and
         *     `outputFormat` are given to the CLI at its start: a message with others than the last restarts it,
         *     with the conversation, and waits for that start.
         *
         *     - A second message **waits its turn**; its stream sends heartbeats until then. At most 32 wait; the
         *       next is refused with 429 `queue_full` and `Retry-After: 5`.
         *     - A turn belongs to the server. If the connection is lost the turn goes on; whoever comes back gets
         *       the rest of it by one of the two next ways, and later finds its answer in the history.
         *     - With a header `traceparent` the turn and what is done in it are part of the client's trace, also
         *       across a restart of ashd, and its lines in the journal and its events of the host name the trace.
         *     - The answer's header `ash-turn-id` names the turn. `GET …/stream?turn=…` streams it again.
         *     - With a header `Idempotency-Key` (1 to 255 bytes, chosen by the client) a message is **never taken
         *       twice**: a request with a key that was used before in this session gets the turn of that time, from
         *       its start, or behind the event that a header `Last-Event-ID` names. It is no error if that turn is
         *       over. The same key with another body is refused with 422 `idempotency_mismatch`. Keys hold for
         *       24 hours and for the last 1,000 turns of the session, across restarts of ashd.
         *     - A turn that is over its time has an `error` with the code `timeout`, and is interrupted. If the CLI
         *       does not obey within 30 seconds, its sandbox is ended.
         *     - It wakes a session that rests. If that needs room that the host does not have, the message waits for
         *       it up to `sandbox.wait_seconds`, and is then refused with 503 `too_many_sessions`, `Retry-After: 5` and
         *       `queuePosition`: where it stood among those that wait. So is the creation of a session.
         *     - A session that has `ended` or is `starting` answers 400 `session_state`.
         */
        post: operations["sendMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Freezes a session.
         * @description Freezes the session and answers `{"session": …}` with the status `paused`. A CLI that is still starting
         *     is frozen as soon as it is ready; where nothing can be frozen the session stays `hot`. Only for a
         *     session that is `active` (else 400 `session_state`) and has no turn that runs or waits (else 409
         *     `session_busy`).
         */
        post: operations["pauseSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/permissions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what a session asks.
         * @description What a session with `askPermissions` asks and nobody has answered, oldest first: `{"permissions": [ … ]}`.
         *     Each is also the `data` of an event `permission_request` in the stream, live and of the past. A tool waits
         *     for its answer, and so does its turn: through restarts of ashd, for any time, unless there is a timeout.
         */
        get: operations["listPermissions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/permissions/{permission}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answers what a session asks.
         * @description Answers a question. Body, at most 16 MiB:
         *
         *     Answers `{permissionId, behavior}`, and `remembered`, the rules that are not asked again. The answer is
         *     stored before Claude Code hears it. Of several clients one is heard; the others get 409
         *     `permission_resolved`, and so does who comes after the end of the turn. What nobody asked is 404
         *     `permission_not_found`.
         */
        post: operations["answerPermission"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/queue": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the running turn and those that wait.
         * @description The running turn and those that wait, in their order: `{"turns": [{turnId, state, text, createdAt,
         *     startedAt}]}`. `state` is `running` or `queued`; `text` is the first 200 characters of the message.
         */
        get: operations["listQueue"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/queue/{turn}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Removes a turn that waits.
         * @description Removes a turn that waits. Whoever streams it gets an `error` with the code `removed`, and `done`; its
         *     message does not appear in the history. Answers `{"turnId": …}`. A turn that runs is 409
         *     `turn_running`; any other is 404 `turn_not_found`.
         */
        delete: operations["removeTurn"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/queue/{turn}/now": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Puts a turn that waits before all others.
         * @description Puts a turn that waits before all others and interrupts the running one. Answers `{"turnId": …,
         *     "interruptedTurnId": …}`, the latter `null` if none ran. Refused as above.
         */
        post: operations["sendNow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Brings an archived session back.
         * @description Brings the files of an archived session back, or a whole session that another host with the same
         *     `archive.url` and key archived: then its status is `stopped`. Every digest is checked; what is damaged or
         *     was sealed with another key answers 503 `archive_failed` and leaves nothing. A session whose files are
         *     here answers 400 `session_state`; one of which there is no snapshot 404.
         */
        post: operations["restoreSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Has a session ready for a message.
         * @description Has the session ready for a message, however cold it is, and answers `{"session": …}` with the status
         *     `active`; the CLI starts at once, with the conversation, before a message comes. Of an active session
         *     nothing but the tier changes. One that has ended answers 410 `session_ended`.
         */
        post: operations["resumeSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends the processes of a session.
         * @description Ends every process of the session and answers `{"session": …}` with the status `stopped`; files and
         *     conversation stay. A running turn is interrupted: an `error` with the code `interrupted`, then `done`.
         *     Messages that wait stay in the queue. Only for a session that is `active` or `starting` (else 400).
         */
        post: operations["stopSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Streams the events of a session.
         * @description The events of a session, live and of the past, without a seam. Any number of clients
         *     may watch. The stream stays open from turn to turn, until the session ends or ashd stops.
         *
         *     Without `after` the stream begins with the start of the running turn, or else with what comes next.
         *
         *     Beside the events of turns there are:
         *
         *     The stream begins with `retry: 1000`: an `EventSource` that loses its connection comes back after a
         *     second, with its `Last-Event-ID`, and misses nothing. When the session has ended and the client has
         *     everything, the answer is 204, which tells it not to come back.
         */
        get: operations["streamSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sessions/{id}/workspace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sends a workspace as an archive.
         * @description The whole workspace as a tar archive in gzip, streamed: files, folders, links as links, times and modes.
         *     At most 4 GiB of content (413 `file_too_large`) and 500,000 entries.
         */
        get: operations["downloadWorkspace"];
        /**
         * Replaces a workspace by an archive.
         * @description Replaces the workspace by a tar archive, which is the body: plain, in gzip or in zstd. It is unpacked
         *     inside of the sandbox, beside what is there, and takes its place when it was whole; with `?keep=true` it is
         *     unpacked over what is there. Files, folders, symbolic and hard links are taken; an archive with anything
         *     else, or that is damaged, answers 400 `archive_invalid`, one that reaches out of the workspace 400
         *     `path_outside`; without `keep` nothing is changed then. Answers `{files, bytes}`.
         */
        put: operations["replaceWorkspace"];
        /**
         * Unpacks an archive over a workspace.
         * @description The same with `keep`, from a document of at most 96 MiB: `{"bundle": …}`, an archive in base64.
         */
        post: operations["restoreWorkspace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what turns used, one figure at a time.
         * @description What turns used, one figure at a time, in the original's shape: `{"events": [ … ]}`, the newest turn first.
         *     Query: `sessionId`, `agentName`, `after` and `before` (times; those of turns that ended in between), `limit` (1
         *     to 1000, default 100). Each event has `id`, `tenantId`, `sessionId`, `agentName`, `createdAt` (the end of the
         *     turn), `value`, `eventType`, and ours: `turnId`. Figures that are 0 or not known are left out.
         *
         *     A record is written with the end of its turn, in the same commit, and stays when its session or agent is gone;
         *     `usage.keep_days` says how long. Two counts stand side by side because they answer two questions: Claude Code
         *     tells what it spent on a turn, ash-egress what passed to the model, whoever in the sandbox asked for it. Only the
         *     second is a limit.
         *
         *     - What is told between two turns, such as the answer of a background task, belongs to the next. So does what
         *       ash-egress reports some milliseconds late.
         *     - Processor time and bytes are those since the record before in the same sandbox, the start of Claude Code
         *       included; the sum is the kernel's. The peak of memory is the sandbox's so far. A sandbox without a control
         *       group, or one that was gone before it could be asked, has none of them.
         */
        get: operations["listUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/usage/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Adds up what turns used.
         * @description The same, added up. Query: that of `GET /api/usage`, and `groupBy`: `session`, `agent`, `model`, `day` (of the
         *     calendar, in UTC) or `turn`.
         *
         *     `groups` is there with `groupBy`: the one with the newest turn first, `limit` of them. `name` is the session,
         *     agent, model, day or turn; of a turn that asked no model the model is `null`. `model` is the one of a turn's
         *     models that most was paid for. What ended before `keptSince` is no longer counted.
         */
        get: operations["showUsageStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the webhooks.
         * @description `{"webhooks": [ … ]}`, the oldest first. With `allTenants=true`, over the admin socket only, those of everybody.
         */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Has an address told what happens.
         * @description Has an address told what happens to the sessions and jobs of the tenant. All that is about webhooks wants the scope
         *     `admin`: an address may itself be a secret. Answers 201 with the webhook
         *     and the secret that signs what it is told: the only time that `secret` is shown.
         *
         *     An event is a `POST` to the address, in the form of Standard Webhooks, so that its libraries verify it; ours do, too
         *     (clients). The body is JSON:
         *
         *     What was said is not in it: who wants it asks the API, with a key. Members may be added.
         *
         *     Any status from 200 to 299 within 20 seconds is success; what else is answered is not read. An event is put into the
         *     database with what it tells of, so a crash loses none: it is told *at least* once, and the order may change. After a
         *     failure it is tried again after 5 seconds, 20, 80 and so on up to 4 hours, each longer by up to a quarter, ten times in
         *     all, which takes 14 hours or more; then it has `failed`. Meanwhile the address is left alone for 5 seconds, 10 and so on
         *     up to 10 minutes, whatever waits for it. After 50 failures in a row, an answer of 410, or when 10,000 events wait, the
         *     webhook is disabled: it says why, keeps what waits, and is told nothing new (0049). A
         *     tenant has at most 20, else 409 `too_many_webhooks`.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells about a webhook.
         * @description `{"webhook": …}`, or 404 `webhook_not_found`.
         */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /**
         * Deletes a webhook and its deliveries.
         * @description Deletes it with what waits for it, and answers `{"deleted": true}`.
         */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /**
         * Changes a webhook, or enables it again.
         * @description Changes `events` or `enabled`; what is absent stays. One that is enabled again is told at once what
         *     waited. The address is not changed: its secret is for it alone.
         */
        patch: operations["changeWebhook"];
        trace?: never;
    };
    "/api/webhooks/{id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists what a webhook was told, the newest first.
         * @description What it was told, the newest first, for 7 days. Query: `status` (`pending`, `delivered`, `failed`), `limit` (1 to 500,
         *     default 50).
         */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/webhooks/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tells a webhook something to try it.
         * @description Tells it `webhook.test`, and answers 201 with `{"delivery": …}`, in which nothing has happened yet. One
         *     that is disabled answers 409 `webhook_disabled`.
         */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Shows this reference as a page.
         * @description This reference as a page that needs no other host. No key is needed, and none is asked for.
         */
        get: operations["showReference"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sends the OpenAPI document.
         * @description `json` or `openapi.json`: the operations as an OpenAPI 3.1 document, which is made from the code; each tells
         *     the scope that its key must have (`x-ash-scope`), its problem codes, and of a stream its events
         *     (`x-ash-events`). No key is needed. The page's own files are here, too; any other is 404 `not_found`.
         */
        get: operations["readReference"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells how the daemon is.
         * @description How the daemon is and what this host enforces. The only operation that needs no key.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tells Prometheus what ashd counts of itself.
         * @description What ashd counts of itself, in the text format of Prometheus: the metrics. Who may read
         *     it over TCP is `api.metrics`: by default who shows a key of the tenant `default`, of any scope (another tenant's: 403
         *     `forbidden`); `open` wants none, `off` answers 404. Over the admin socket it is always there.
         */
        get: operations["showMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        ActivatedVersion: {
            /** @description Always true. */
            activated: boolean;
            agent: components["schemas"]["Agent"];
            /** Format: uint32 */
            versionNumber: number;
        };
        /** @description An agent as every route answers it. */
        Agent: {
            /**
             * @description Hosts that its sandboxes may reach beside the model.
             * @default []
             */
            allowedHosts: string[];
            /** Format: uint64 */
            bytes: number;
            /**
             * @description What it presets for its sessions.
             * @default {}
             */
            config: components["schemas"]["AgentConfig"];
            createdAt: components["schemas"]["Timestamp"];
            /** @description `sha256:` and the digest of the version's content. */
            digest: string;
            /** @description Names of the environment with `***` for each value. */
            env?: {
                [key: string]: string;
            };
            /** Format: uint64 */
            files: number;
            id: components["schemas"]["AgentId"];
            /**
             * @description Limits that its sandboxes are to have.
             * @default {}
             */
            limits: {
                [key: string]: number;
            };
            name: components["schemas"]["AgentName"];
            /** @description Where the version lies on the host. */
            path: string;
            tenantId: string;
            updatedAt: components["schemas"]["Timestamp"];
            /**
             * Format: uint32
             * @description The active version; each deploy makes the next one.
             */
            version: number;
        };
        /**
         * @description Options that an agent presets for its sessions: members of `POST /api/sessions`, which win there. In
         *     a change, `null` clears.
         */
        AgentConfig: {
            allowedTools?: string[] | null;
            askPermissions?: boolean | null;
            betas?: string[] | null;
            disallowedTools?: string[] | null;
            initialAgent?: string | null;
            mcpServers?: {
                [key: string]: components["schemas"]["McpServer"];
            } | null;
            model?: string | null;
            onPermissionTimeout?: components["schemas"]["PermissionBehavior"] | null;
            permissionMode?: components["schemas"]["PermissionMode"] | null;
            /** Format: uint32 */
            permissionTimeoutSeconds?: number | null;
            subagents?: {
                [key: string]: unknown;
            } | null;
            systemPrompt?: string | null;
        };
        AgentEnvelope: {
            agent: components["schemas"]["Agent"];
        };
        /** @description One uploaded file. */
        AgentFile: {
            /** @description Base64. */
            content: string;
            /**
             * @description Ours, beside the original's members: the file may be executed.
             * @default false
             */
            executable?: boolean;
            path: string;
        };
        AgentFileText: {
            content: string;
            path: string;
            /** Format: uint64 */
            size: number;
        };
        AgentFiles: {
            files: components["schemas"]["WorkspaceFile"][];
        };
        /**
         * Format: uuid
         * @description An agent, whatever its name and version.
         */
        AgentId: string;
        AgentList: {
            agents: components["schemas"]["Agent"][];
        };
        /** @description The name of an agent: 1 to 255 of `A-Z a-z 0-9 _ -`. */
        AgentName: string;
        /** @description A version of an agent. */
        AgentVersion: {
            agentName: components["schemas"]["AgentName"];
            /** Format: uint64 */
            bytes: number;
            createdAt: components["schemas"]["Timestamp"];
            /** @description The id of the API key, `configuration` for the one of the configuration, or `administrator`. */
            createdBy: string | null;
            digest: string;
            /** Format: uint64 */
            files: number;
            id: components["schemas"]["VersionId"];
            /** @description New sessions get it. */
            isActive: boolean;
            /** @default [] */
            knowledgeFiles: string[];
            name: string | null;
            releaseNotes: string | null;
            /** @description What it was made with in place of its `CLAUDE.md`. */
            systemPrompt: string | null;
            tenantId: string;
            updatedAt: components["schemas"]["Timestamp"];
            /** Format: uint32 */
            versionNumber: number;
        };
        /** @description The original's overview. */
        Analytics: {
            agents: components["schemas"]["Total"];
            evals: components["schemas"]["Evals"];
            sessions: components["schemas"]["TotalByStatus"];
            usage: components["schemas"]["UsageStats"];
        };
        /** @description Body of `POST /api/sessions/{id}/permissions/{permission}`. */
        AnswerPermission: {
            behavior: components["schemas"]["PermissionBehavior"];
            /**
             * @description Of `deny`: the turn ends, too.
             * @default false
             */
            interrupt?: boolean;
            /** @description Of `deny`: what the model is told. */
            message?: string | null;
            /**
             * @description Of `allow`: do not ask again for the like.
             * @default false
             */
            remember?: boolean;
            /** @description Of `allow`: use the tool with this instead. */
            updatedInput?: {
                [key: string]: unknown;
            } | null;
        };
        /** @description A key, without what only its holder knows. */
        ApiKey: {
            createdAt: components["schemas"]["Timestamp"];
            expiresAt: components["schemas"]["Timestamp"] | null;
            id: components["schemas"]["KeyId"];
            /** @description The first characters of the key. */
            keyPrefix: string;
            label: string | null;
            /** @description To the minute. */
            lastUsedAt: components["schemas"]["Timestamp"] | null;
            scope: components["schemas"]["Scope"];
            tenantId: string;
        };
        ApiKeyList: {
            keys: components["schemas"]["ApiKey"][];
        };
        Attachment: {
            createdAt: components["schemas"]["Timestamp"];
            filename: string;
            id: components["schemas"]["AttachmentId"];
            messageId?: string | null;
            mimeType: string;
            /** @description Where the agent finds it, below its workspace. */
            path: string;
            sessionId: components["schemas"]["SessionId"];
            /**
             * Format: uint64
             * @description Bytes, as they were attached.
             */
            size: number;
            tenantId: string;
        };
        AttachmentEnvelope: {
            attachment: components["schemas"]["Attachment"];
        };
        /**
         * Format: uuid
         * @description A file that was attached to a session.
         */
        AttachmentId: string;
        AttachmentList: {
            attachments: components["schemas"]["Attachment"][];
        };
        /** @description One decision at the way out of a sandbox. */
        AuditEntry: {
            /** Format: uint64 */
            bytesReceived: number;
            /** Format: uint64 */
            bytesSent: number;
            /**
             * Format: uint64
             * @description Of `lost`.
             */
            count?: number;
            createdAt: components["schemas"]["Timestamp"];
            /** @description Of a request that a tenant's credential stands for. */
            credentialId?: components["schemas"]["CredentialId"] | null;
            /** @description `allowed`, `refused`, `closed`; `lost`. */
            decision: string;
            host?: string | null;
            /** Format: uint16 */
            port?: number | null;
            /** @description A word that stays, e.g. `not_listed_for_the_agent`. */
            reason: string;
            /** @description Method and path. */
            request?: string | null;
            /**
             * Format: uint64
             * @description From 1; the oldest are removed, so that a list may begin later.
             */
            sequence: number;
            /** Format: uint16 */
            status?: number | null;
            /** @description `model` (a request), `tunnel` (to another host), `lost` (so many entries found no room). */
            subject: string;
        };
        AuditList: {
            entries: components["schemas"]["AuditEntry"][];
        };
        /** @description What may be used in all; `null` is no limit. */
        Budget: {
            /**
             * Format: double
             * @description US dollars, by the prices that the host knows.
             */
            dollars: number | null;
            /**
             * @description Nothing of it is left.
             * @default false
             */
            reached: boolean;
            /**
             * Format: uint64
             * @description Read and written, cached ones included.
             */
            tokens: number | null;
        };
        /** @description A wish for a budget. */
        BudgetChange: {
            /**
             * Format: double
             * @description What becomes of one limit: absent, it stays; `null`, there is none.
             */
            dollars?: number | null;
            /**
             * Format: uint64
             * @description What becomes of one limit: absent, it stays; `null`, there is none.
             */
            tokens?: number | null;
        };
        BusySession: {
            agent: components["schemas"]["AgentName"];
            /** Format: uint32 */
            queuedTurns: number;
            session: components["schemas"]["SessionId"];
            turn?: components["schemas"]["TurnId"] | null;
            turnSince?: components["schemas"]["Timestamp"] | null;
        };
        /** @description What a case asks, and what its answer is to have. Body of `POST /api/agents/{name}/eval-cases`. */
        CaseContent: {
            /** @default null */
            category?: string | null;
            /**
             * @description What was said before the question; it is told with it.
             * @default null
             */
            chatHistory?: components["schemas"]["ChatMessage"][] | null;
            /**
             * @description Ours, beside the original's members: all of them must hold.
             * @default null
             */
            checks?: components["schemas"]["Check"][] | null;
            /**
             * @description Words that it must not have.
             * @default null
             */
            expectedNotTopics?: string[] | null;
            /**
             * @description Words that the answer is to have, whatever their case.
             * @default null
             */
            expectedTopics?: string[] | null;
            /**
             * @description Runs have it.
             * @default true
             */
            isActive?: boolean;
            question: string;
            /**
             * @description For those who score answers.
             * @default null
             */
            referenceAnswer?: string | null;
            /** @default null */
            tags?: string[] | null;
        };
        /** @description Which of the active cases: those that have one of the categories, and one of the tags. */
        CaseFilters: {
            categories?: string[] | null;
            tags?: string[] | null;
        };
        /** @description Body of `PATCH /api/agents/{name}`: what is absent stays. */
        ChangeAgent: {
            allowedHosts?: string[] | null;
            /** @description Member by member. */
            config?: components["schemas"]["AgentConfig"] | null;
            /** @description All of it: a variable that is not named is gone. */
            env?: {
                [key: string]: string;
            } | null;
            limits?: {
                [key: string]: number;
            } | null;
        };
        /** @description Body of `PATCH /api/agents/{name}/eval-cases/{id}`: what is absent stays, `null` clears. */
        ChangeCase: {
            category?: string | null;
            chatHistory?: components["schemas"]["ChatMessage"][] | null;
            checks?: components["schemas"]["Check"][] | null;
            expectedNotTopics?: string[] | null;
            expectedTopics?: string[] | null;
            isActive?: boolean | null;
            question?: string | null;
            referenceAnswer?: string | null;
            tags?: string[] | null;
        };
        /** @description Body of `PATCH /api/schedules/{id}`; what is absent stays. */
        ChangeSchedule: {
            cron?: string | null;
            enabled?: boolean | null;
            missed?: components["schemas"]["Missed"] | null;
            overlap?: components["schemas"]["Overlap"] | null;
            prompt?: string | null;
            timezone?: string | null;
        };
        /** @description Body of `PATCH /api/agents/{name}/versions/{version}`: what is absent stays, `null` clears. */
        ChangeVersion: {
            knowledgeFiles?: string[] | null;
            name?: string | null;
            releaseNotes?: string | null;
            /** @description Taken only if it is what the version has: files of a version never change. */
            systemPrompt?: string | null;
        };
        /** @description Body of `PATCH /api/webhooks/{id}`; what is absent stays. */
        ChangeWebhook: {
            enabled?: boolean | null;
            events?: components["schemas"]["WebhookEvent"][] | null;
        };
        ChatMessage: {
            content: string;
            role: components["schemas"]["ChatRole"];
        };
        /** @enum {string} */
        ChatRole: "user" | "assistant";
        /** @description What an answer is to be like. */
        Check: {
            type: components["schemas"]["CheckKind"];
            value: string;
        };
        CheckKind: ("contains" | "notContains") | "equals" | "regex";
        /** @description The Claude Code CLI that sessions run. */
        Cli: {
            path: string | null;
            /** @description Why no session can start, if none can. */
            problem: string | null;
            version: string | null;
        };
        /**
         * @description Why a request was refused: stable, part of the contract. Each has one HTTP status.
         * @enum {string}
         */
        Code: "agent_changed" | "agent_invalid" | "agent_not_found" | "archive_failed" | "archive_invalid" | "attachment_not_found" | "bad_request" | "body_too_large" | "changed_meanwhile" | "cli_missing" | "cli_too_old" | "config_invalid" | "credential_not_found" | "credentials_unavailable" | "cut_off" | "disk_full" | "disk_quota_reached" | "draining" | "eval_not_found" | "eval_state" | "file_not_found" | "file_too_large" | "forbidden" | "idempotency_mismatch" | "internal" | "job_not_found" | "job_state" | "key_not_found" | "method_not_allowed" | "not_found" | "not_supported" | "path_outside" | "permission_not_found" | "permission_resolved" | "queue_full" | "rate_limited" | "sandbox_failed" | "schedule_not_found" | "session_busy" | "session_ended" | "session_not_found" | "session_state" | "shutting_down" | "store_unavailable" | "too_many_attachments" | "too_many_commands" | "too_many_evals" | "too_many_keys" | "too_many_schedules" | "too_many_sessions" | "too_many_webhooks" | "turn_not_found" | "turn_running" | "unauthorized" | "version_active" | "version_not_found" | "webhook_disabled" | "webhook_not_found";
        /** @description A line for a shell, or a program and its arguments. */
        Command: string | string[];
        /** @description One case in two runs. */
        ComparedResult: {
            caseId: components["schemas"]["EvalCaseId"];
            question: string;
            resultA: components["schemas"]["EvalResult"] | null;
            resultB: components["schemas"]["EvalResult"] | null;
        };
        Comparison: {
            results: components["schemas"]["ComparedResult"][];
            runA: components["schemas"]["EvalRun"];
            runB: components["schemas"]["EvalRun"];
        };
        ComparisonAnswer: {
            comparison: components["schemas"]["Comparison"];
        };
        ConfigEnvelope: {
            config: components["schemas"]["AgentConfig"];
        };
        /** @description Answer of `GET /api/config`: what ashd runs with. */
        Configuration: {
            /** @description The files that were read, lowest first. */
            files: string[];
            settings: components["schemas"]["Setting"][];
        };
        /** @description Body of `PATCH /api/sessions/{id}/config`: what is absent stays, `null` clears. */
        ConfigureSession: {
            allowedTools?: string[] | null;
            askPermissions?: boolean | null;
            betas?: string[] | null;
            credentialId?: string | null;
            disallowedTools?: string[] | null;
            initialAgent?: string | null;
            model?: string | null;
            onPermissionTimeout?: components["schemas"]["PermissionBehavior"] | null;
            permissionMode?: components["schemas"]["PermissionMode"] | null;
            /** Format: uint32 */
            permissionTimeoutSeconds?: number | null;
            subagents?: {
                [key: string]: unknown;
            } | null;
            systemPrompt?: string | null;
        };
        /** @description Body of `POST /api/api-keys`. */
        CreateApiKey: {
            /** Format: uint64 */
            expiresInSeconds?: number | null;
            label?: string | null;
            scope?: components["schemas"]["Scope"] | null;
            /** @description Another than the caller's: over the admin socket only. */
            tenantId?: string | null;
        };
        /** @description Body of `POST /api/sessions/{id}/attachments`. */
        CreateAttachment: {
            /** @description In base64. */
            content: string;
            filename: string;
            messageId?: string | null;
            mimeType?: string | null;
        };
        /** @description Body of `POST /api/credentials`. */
        CreateCredential: {
            /** @description Ours: an address that the configuration lists. Required of `custom`. */
            baseUrl?: string | null;
            /** @description Ours: of `custom`, it is sent as `Authorization: Bearer`, and not as `x-api-key`. */
            bearer?: boolean;
            /** @description Ours: of `custom` with `tools`, the header that it is sent in, and not as `Authorization: Bearer`. */
            header?: string | null;
            key: components["schemas"]["Secret"];
            label?: string | null;
            /** @description Ours: of `bedrock`, required. */
            region?: string | null;
            /** @description Ours: of `custom`, it is for an API that tools in the sandbox ask, and not for the model. */
            tools?: boolean;
            type: components["schemas"]["CredentialKind"];
        };
        /** @description Body of `POST /api/queue`. */
        CreateJob: {
            agentName: string;
            /**
             * Format: uint32
             * @default 3
             */
            maxRetries?: number;
            /**
             * Format: uint32
             * @description The higher is run first.
             * @default 0
             */
            priority?: number;
            prompt: string;
            /** @description A session to run it in; absent: one of its own, which ends with it. */
            sessionId?: components["schemas"]["SessionId"] | null;
        };
        /** @description Body of `POST /api/schedules`. */
        CreateSchedule: {
            agentName: string;
            /** @description Minute, hour, day of the month, month, day of the week. */
            cron: string;
            label?: string | null;
            /**
             * Format: uint32
             * @default 3
             */
            maxRetries?: number;
            /** @default skip */
            missed?: components["schemas"]["Missed"];
            /** @default skip */
            overlap?: components["schemas"]["Overlap"];
            /**
             * Format: uint32
             * @default 0
             */
            priority?: number;
            prompt: string;
            /** @description A session to run it in; absent: one of its own for each run. */
            sessionId?: components["schemas"]["SessionId"] | null;
            /** @description A name such as `Europe/Vienna`; absent: `UTC`. */
            timezone?: string | null;
        };
        /** @description Body of `POST /api/sessions`. */
        CreateSession: {
            agent: string;
            allowedTools?: string[] | null;
            /** @description What no rule decides is asked of the session's clients. */
            askPermissions?: boolean | null;
            betas?: string[] | null;
            /** @description Ours, beside the original's members. */
            budget?: components["schemas"]["BudgetChange"] | null;
            credentialId?: string | null;
            disallowedTools?: string[] | null;
            extraEnv?: {
                [key: string]: string;
            };
            initialAgent?: string | null;
            /** @description Limits of its sandbox; what is absent is its agent's or the host's. */
            limits?: {
                [key: string]: number;
            };
            /** @description What is absent here is as the agent presets it. */
            mcpServers?: {
                [key: string]: components["schemas"]["McpServer"];
            } | null;
            model?: string | null;
            /** @description What is answered then. Absent: the configuration decides. */
            onPermissionTimeout?: components["schemas"]["PermissionBehavior"] | null;
            /** @description Absent: `default` if permissions are asked for, else `bypassPermissions`. */
            permissionMode?: components["schemas"]["PermissionMode"] | null;
            /**
             * Format: uint32
             * @description How long it may stay unanswered; 0: for ever. Absent: the configuration decides.
             */
            permissionTimeoutSeconds?: number | null;
            subagents?: {
                [key: string]: unknown;
            } | null;
            systemPrompt?: string | null;
            /** @description By its number or its id; absent: the active one. */
            version?: components["schemas"]["NumberOrId"] | null;
        };
        /** @description Body of `POST /api/agents/{name}/versions`. */
        CreateVersion: {
            /** @description The version whose files it gets; absent: the active one. */
            cloneFrom?: components["schemas"]["NumberOrId"] | null;
            knowledgeFiles?: string[] | null;
            name?: string | null;
            releaseNotes?: string | null;
            /** @description Its `CLAUDE.md`. */
            systemPrompt?: string | null;
        };
        /** @description Body of `POST /api/webhooks`. */
        CreateWebhook: {
            /** @description Of what it is told; absent: of everything. */
            events?: components["schemas"]["WebhookEvent"][] | null;
            label?: string | null;
            url: string;
        };
        /** @description Answer to it. */
        CreatedApiKey: {
            createdAt: components["schemas"]["Timestamp"];
            expiresAt: components["schemas"]["Timestamp"] | null;
            id: components["schemas"]["KeyId"];
            /** @description What the holder shows; it cannot be had again. */
            key: string;
            /** @description The first characters of the key. */
            keyPrefix: string;
            label: string | null;
            /** @description To the minute. */
            lastUsedAt: components["schemas"]["Timestamp"] | null;
            scope: components["schemas"]["Scope"];
            tenantId: string;
        };
        /** @description Answer to `POST /api/webhooks`. */
        CreatedWebhook: {
            /** @description What signs the deliveries; it cannot be had again. */
            secret: string;
            webhook: components["schemas"]["Webhook"];
        };
        /** @description A credential, without its secret. */
        Credential: {
            /** @description It can be opened with the keys of this host. */
            active: boolean;
            createdAt: components["schemas"]["Timestamp"];
            id: components["schemas"]["CredentialId"];
            label: string | null;
            /** @description To the minute. */
            lastUsedAt: components["schemas"]["Timestamp"] | null;
            /**
             * @description Of `bedrock`.
             * @default null
             */
            region: string | null;
            tenantId: string;
            /**
             * @description It is for tools in the sandbox, and the model has the host's key.
             * @default false
             */
            tools: boolean;
            /** @description A kind, in a text: a newer one is listed, too. */
            type: string;
        };
        CredentialEnvelope: {
            credential: components["schemas"]["Credential"];
        };
        /**
         * Format: uuid
         * @description A credential of a tenant; not its secret.
         */
        CredentialId: string;
        /** @description For what a credential is. */
        CredentialKind: "anthropic" | "custom" | "openai" | "bedrock";
        CredentialList: {
            credentials: components["schemas"]["Credential"][];
        };
        /** @description What was looked at, and what is wrong. */
        DatabaseCheck: {
            /** Format: uint64 */
            bytes: number;
            findings: components["schemas"]["DatabaseFinding"][];
            /** Format: uint64 */
            frames: number;
            /** Format: int64 */
            schema: number;
            /** Format: uint64 */
            sessions: number;
            /** @description Nothing is wrong. */
            sound: boolean;
            /** Format: uint64 */
            turns: number;
        };
        /** @description Something that must not be. */
        DatabaseFinding: {
            /** @description What to do about it. */
            hint: string;
            /** @description `damage`, `orphan`, `gap`, `end` or `stuck`. */
            kind: string;
            sessionId?: string | null;
            text: string;
        };
        /** @description Answer of what has removed what was asked for. */
        Deleted: {
            deleted: boolean;
        };
        /** @description Likewise. */
        DeletedAgentFile: {
            agent: components["schemas"]["Agent"];
            /** @description Always true. */
            deleted: boolean;
            path: string;
        };
        /** @description Answer of `DELETE /api/sessions/{id}/files/{*path}`. */
        DeletedFile: {
            deleted: boolean;
            path: string;
        };
        /** @description Answer of `DELETE /api/agents/{name}/versions/{version}`. */
        DeletedVersion: {
            /** @description Always true. */
            deleted: boolean;
        };
        /** @description One thing that a webhook is told. */
        Delivery: {
            attemptedAt: components["schemas"]["Timestamp"] | null;
            /** Format: uint32 */
            attempts: number;
            completedAt: components["schemas"]["Timestamp"] | null;
            createdAt: components["schemas"]["Timestamp"];
            /** @description When it is tried next, while it waits. */
            dueAt: components["schemas"]["Timestamp"] | null;
            /** @description Why the latest attempt failed. */
            error: string | null;
            event: components["schemas"]["WebhookEvent"];
            /** @description The header `webhook-id`, the same in every attempt. */
            id: components["schemas"]["DeliveryId"];
            /** @description The body that is sent. */
            payload: unknown;
            /**
             * Format: uint16
             * @description The HTTP status of the latest answer.
             */
            responseStatus: number | null;
            status: components["schemas"]["DeliveryStatus"];
            webhookId: components["schemas"]["WebhookId"];
        };
        DeliveryEnvelope: {
            delivery: components["schemas"]["Delivery"];
        };
        /**
         * Format: uuid
         * @description One thing that a webhook is told, however often it is tried.
         */
        DeliveryId: string;
        DeliveryList: {
            deliveries: components["schemas"]["Delivery"][];
        };
        /**
         * @description What has become of a delivery.
         * @enum {string}
         */
        DeliveryStatus: "pending" | "delivered" | "failed";
        /** @description Body of `POST /api/agents`: `path`, or `files`, or `systemPrompt`. */
        DeployAgent: {
            /** @description Ours, beside the original's members. Absent: they stay as they are. */
            allowedHosts?: string[] | null;
            /** @description Replaces what the agent presets. Absent: that stays as it is. */
            config?: components["schemas"]["AgentConfig"] | null;
            env?: {
                [key: string]: string;
            } | null;
            files?: components["schemas"]["AgentFile"][] | null;
            /** @description Likewise. */
            limits?: {
                [key: string]: number;
            } | null;
            name: string;
            /** @description A folder on the host; only below the configured roots, or over the admin socket. */
            path?: string | null;
            /** @description Becomes the `CLAUDE.md` of an agent without `files`. */
            systemPrompt?: string | null;
        };
        /** @description Answer of what has nothing else to tell. */
        Done: {
            ok: boolean;
        };
        /** @description Answer of `GET`, `POST` and `DELETE /api/drain`. */
        Drain: {
            /** @description The sessions with a turn that runs or waits. */
            busy: components["schemas"]["BusySession"][];
            /** @description Since when nothing new is taken; `null` if it is. */
            since: components["schemas"]["Timestamp"] | null;
        };
        /** @enum {string} */
        Effort: "low" | "medium" | "high" | "max";
        /** @description What a case asks, and what its answer is to have. Body of `POST /api/agents/{name}/eval-cases`. */
        EvalCase: {
            agentName: components["schemas"]["AgentName"];
            /** @default null */
            category: string | null;
            /**
             * @description What was said before the question; it is told with it.
             * @default null
             */
            chatHistory: components["schemas"]["ChatMessage"][] | null;
            /**
             * @description Ours, beside the original's members: all of them must hold.
             * @default null
             */
            checks: components["schemas"]["Check"][] | null;
            createdAt: components["schemas"]["Timestamp"];
            /**
             * @description Words that it must not have.
             * @default null
             */
            expectedNotTopics: string[] | null;
            /**
             * @description Words that the answer is to have, whatever their case.
             * @default null
             */
            expectedTopics: string[] | null;
            id: components["schemas"]["EvalCaseId"];
            /**
             * @description Runs have it.
             * @default true
             */
            isActive: boolean;
            question: string;
            /**
             * @description For those who score answers.
             * @default null
             */
            referenceAnswer: string | null;
            /** @default null */
            tags: string[] | null;
            tenantId: string;
            updatedAt: components["schemas"]["Timestamp"];
        };
        /** @description The original's clients read the one or the other. */
        EvalCaseAnswer: {
            agentName: components["schemas"]["AgentName"];
            case: components["schemas"]["EvalCase"];
            /** @default null */
            category: string | null;
            /**
             * @description What was said before the question; it is told with it.
             * @default null
             */
            chatHistory: components["schemas"]["ChatMessage"][] | null;
            /**
             * @description Ours, beside the original's members: all of them must hold.
             * @default null
             */
            checks: components["schemas"]["Check"][] | null;
            createdAt: components["schemas"]["Timestamp"];
            /**
             * @description Words that it must not have.
             * @default null
             */
            expectedNotTopics: string[] | null;
            /**
             * @description Words that the answer is to have, whatever their case.
             * @default null
             */
            expectedTopics: string[] | null;
            id: components["schemas"]["EvalCaseId"];
            /**
             * @description Runs have it.
             * @default true
             */
            isActive: boolean;
            question: string;
            /**
             * @description For those who score answers.
             * @default null
             */
            referenceAnswer: string | null;
            /** @default null */
            tags: string[] | null;
            tenantId: string;
            updatedAt: components["schemas"]["Timestamp"];
        };
        /**
         * Format: uuid
         * @description What is asked of an agent to see what it is worth.
         */
        EvalCaseId: string;
        EvalCaseList: {
            cases: components["schemas"]["EvalCase"][];
        };
        /** @description What came of one case in a run. */
        EvalResult: {
            agentResponse: string | null;
            completedAt: components["schemas"]["Timestamp"] | null;
            /** Format: double */
            costUsd: number | null;
            createdAt: components["schemas"]["Timestamp"];
            error: string | null;
            evalCaseId: components["schemas"]["EvalCaseId"];
            evalRunId: components["schemas"]["EvalRunId"];
            /** @description What did not hold. */
            failures: string[];
            humanNotes: string | null;
            /** Format: double */
            humanScore: number | null;
            id: components["schemas"]["EvalResultId"];
            /** Format: uint64 */
            inputTokens: number | null;
            /**
             * Format: uint64
             * @description How long the turn took.
             */
            latencyMs: number | null;
            /**
             * Format: double
             * @description Always null.
             */
            llmJudgeScore: number | null;
            /** Format: uint64 */
            outputTokens: number | null;
            /** @description Both scores are 0.5 at least, and every check holds. */
            passed: boolean | null;
            /** @description As the case was when the run began. */
            question: string;
            referenceAnswer: string | null;
            /**
             * Format: double
             * @description The part of the topics that were not expected and that it does not have.
             */
            safetyScore: number | null;
            sessionId: components["schemas"]["SessionId"] | null;
            status: components["schemas"]["ResultStatus"];
            tenantId: string;
            /**
             * Format: double
             * @description The part of the expected topics that the answer has.
             */
            topicScore: number | null;
            turnId: components["schemas"]["TurnId"] | null;
        };
        /** @description What came of one case in a run. */
        EvalResultAnswer: {
            agentResponse: string | null;
            completedAt: components["schemas"]["Timestamp"] | null;
            /** Format: double */
            costUsd: number | null;
            createdAt: components["schemas"]["Timestamp"];
            error: string | null;
            evalCaseId: components["schemas"]["EvalCaseId"];
            evalRunId: components["schemas"]["EvalRunId"];
            /** @description What did not hold. */
            failures: string[];
            humanNotes: string | null;
            /** Format: double */
            humanScore: number | null;
            id: components["schemas"]["EvalResultId"];
            /** Format: uint64 */
            inputTokens: number | null;
            /**
             * Format: uint64
             * @description How long the turn took.
             */
            latencyMs: number | null;
            /**
             * Format: double
             * @description Always null.
             */
            llmJudgeScore: number | null;
            /** Format: uint64 */
            outputTokens: number | null;
            /** @description Both scores are 0.5 at least, and every check holds. */
            passed: boolean | null;
            /** @description As the case was when the run began. */
            question: string;
            referenceAnswer: string | null;
            result: components["schemas"]["EvalResult"];
            /**
             * Format: double
             * @description The part of the topics that were not expected and that it does not have.
             */
            safetyScore: number | null;
            sessionId: components["schemas"]["SessionId"] | null;
            status: components["schemas"]["ResultStatus"];
            tenantId: string;
            /**
             * Format: double
             * @description The part of the expected topics that the answer has.
             */
            topicScore: number | null;
            turnId: components["schemas"]["TurnId"] | null;
        };
        /**
         * Format: uuid
         * @description What came of a case in a run.
         */
        EvalResultId: string;
        EvalResultList: {
            results: components["schemas"]["EvalResult"][];
        };
        EvalRun: {
            agentName: components["schemas"]["AgentName"];
            completedAt: components["schemas"]["Timestamp"] | null;
            /**
             * Format: uint64
             * @description Those with an answer or an error.
             */
            completedCases: number;
            createdAt: components["schemas"]["Timestamp"];
            filters: components["schemas"]["CaseFilters"] | null;
            id: components["schemas"]["EvalRunId"];
            startedAt: components["schemas"]["Timestamp"] | null;
            status: components["schemas"]["RunStatus"];
            /** @description Once it is over. */
            summary: components["schemas"]["EvalSummary"] | null;
            tenantId: string;
            /** Format: uint64 */
            totalCases: number;
            /**
             * Format: uint32
             * @description The version that it is on.
             */
            versionNumber: number;
        };
        EvalRunAnswer: {
            agentName: components["schemas"]["AgentName"];
            completedAt: components["schemas"]["Timestamp"] | null;
            /**
             * Format: uint64
             * @description Those with an answer or an error.
             */
            completedCases: number;
            createdAt: components["schemas"]["Timestamp"];
            filters: components["schemas"]["CaseFilters"] | null;
            id: components["schemas"]["EvalRunId"];
            run: components["schemas"]["EvalRun"];
            startedAt: components["schemas"]["Timestamp"] | null;
            status: components["schemas"]["RunStatus"];
            /** @description Once it is over. */
            summary: components["schemas"]["EvalSummary"] | null;
            tenantId: string;
            /** Format: uint64 */
            totalCases: number;
            /**
             * Format: uint32
             * @description The version that it is on.
             */
            versionNumber: number;
        };
        /**
         * Format: uuid
         * @description Cases that are put to a version of an agent.
         */
        EvalRunId: string;
        EvalRunList: {
            runs: components["schemas"]["EvalRun"][];
        };
        /** @description What the results of a run have in the middle, and in all. */
        EvalSummary: {
            /** Format: double */
            avgHumanScore: number | null;
            /** Format: double */
            avgLatencyMs: number;
            /**
             * Format: double
             * @description Always null.
             */
            avgLlmJudgeScore: number | null;
            /** Format: double */
            avgSafetyScore: number;
            /** Format: double */
            avgTopicScore: number;
            /** Format: double */
            costUsd: number;
            /** Format: uint64 */
            errors: number;
            /** Format: uint64 */
            inputTokens: number;
            /** Format: uint64 */
            outputTokens: number;
            /**
             * Format: double
             * @description Of all cases, those that passed.
             */
            passRate: number;
            /** Format: uint64 */
            passed: number;
        };
        /** @description Runs of evals, by what became of them. */
        Evals: {
            byStatus: {
                [key: string]: number;
            };
            /** Format: uint64 */
            totalRuns: number;
        };
        /** @description Body of `POST /api/sessions/{id}/exec`. */
        ExecCommand: {
            command: components["schemas"]["Command"];
            /** @description Beneath the workspace. */
            cwd?: string | null;
            env?: {
                [key: string]: string;
            };
            stdin?: string | null;
            stdinBase64?: string | null;
            /**
             * @description Answer with an event for each piece of output.
             * @default false
             */
            stream?: boolean;
            /**
             * Format: uint64
             * @description Milliseconds.
             */
            timeout?: number | null;
        };
        /** @description The answer that is not streamed. */
        ExecResult: {
            /** Format: uint64 */
            durationMs: number;
            execId: string;
            /**
             * Format: int32
             * @description Of a command that a signal ended: 128 and the signal, as a shell says it; of one that took
             *     too long 124.
             */
            exitCode: number;
            /** Format: int32 */
            signal: number | null;
            stderr: string;
            stdout: string;
            timedOut: boolean;
            /** @description There was more output than is passed on. */
            truncated: boolean;
        };
        /** @description What a fork was made of. */
        Fork: {
            /** @description Always `now`: files of earlier turns are not kept. */
            files: string;
            /**
             * Format: uint64
             * @description The last turn that history and conversation have; absent: all.
             */
            turn?: number | null;
        };
        /** @description Answer of `POST …/fork`. */
        ForkEnvelope: {
            fork: components["schemas"]["Fork"];
            session: components["schemas"]["Session"];
        };
        /** @description Answer of `GET /health`. */
        Health: {
            /** Format: uint64 */
            activeSandboxes: number;
            /** Format: uint64 */
            activeSessions: number;
            cli: components["schemas"]["Cli"];
            coordinatorId: string;
            /**
             * @description No new sessions and messages are taken.
             * @default false
             */
            draining: boolean;
            isolation: components["schemas"]["Isolation"];
            pool: components["schemas"]["Pool"];
            /** Format: uint64 */
            remoteRunners: number;
            /**
             * @description `split`: ashd, ash-sandboxd and ash-egress are programs of their own; else `one`.
             * @default one
             */
            roles: string;
            /** @description Sandboxes are simulated: no isolation, no real CLI. */
            simulated: boolean;
            /** @description `ok`, or `degraded` while the database cannot be used as it should. */
            status: string;
            /** @description What is wrong with the database. */
            storeProblem?: components["schemas"]["StoreTrouble"] | null;
            /**
             * Format: double
             * @description Seconds since the start.
             */
            uptime: number;
            version: string;
        };
        /** @description Body of `PATCH /api/agents/{name}/eval-results/{id}`: a score, notes, or both. */
        HumanScore: {
            humanNotes?: string | null;
            /**
             * Format: double
             * @description From 1 to 5.
             */
            humanScore?: number | null;
        };
        /** @description Body of `POST /api/agents/{name}/eval-cases/import`. */
        ImportCases: {
            cases: components["schemas"]["CaseContent"][];
        };
        ImportedCases: {
            /** Format: uint64 */
            imported: number;
        };
        /** @description Answer of `POST /api/sessions/:id/interrupt`. */
        Interrupted: {
            /** @description The turn that was told to stop; none ran if absent. */
            turnId: components["schemas"]["TurnId"] | null;
        };
        /** @description What keeps a sandbox in, one member per wall. */
        Isolation: {
            cpu: components["schemas"]["Level"];
            /**
             * @description The walls that are not hard, by name.
             * @default []
             */
            degraded: string[];
            disk: components["schemas"]["Level"];
            files: components["schemas"]["Level"];
            identity: components["schemas"]["Level"];
            memory: components["schemas"]["Level"];
            network: components["schemas"]["Level"];
            /** @description A sentence for each wall that is not hard, with what to do about it. */
            notes: string[];
            /** @description `scope` (systemd), `plain` (one process tree) or `simulated`. */
            placement: string;
            processes: components["schemas"]["Level"];
            seccomp: components["schemas"]["Level"];
        };
        Job: {
            agentName: string;
            completedAt: components["schemas"]["Timestamp"] | null;
            createdAt: components["schemas"]["Timestamp"];
            /** @description When it is tried next, while it waits. */
            dueAt: components["schemas"]["Timestamp"] | null;
            /** @description Why its latest attempt failed. */
            error: string | null;
            id: components["schemas"]["JobId"];
            /** Format: uint32 */
            maxRetries: number;
            /** Format: uint32 */
            priority: number;
            prompt: string;
            /** @description The answer, once it is completed. */
            result: string | null;
            /** Format: uint32 */
            retryCount: number;
            /** @description Where it runs or ran. */
            sessionId: components["schemas"]["SessionId"] | null;
            startedAt: components["schemas"]["Timestamp"] | null;
            status: components["schemas"]["JobStatus"];
            tenantId: string;
            turnId: components["schemas"]["TurnId"] | null;
        };
        /** @description Answer that has one job. */
        JobAnswer: {
            item: components["schemas"]["Job"];
        };
        /** @description How many jobs there are of each status. */
        JobCounts: {
            /** Format: uint64 */
            cancelled: number;
            /** Format: uint64 */
            completed: number;
            /** Format: uint64 */
            failed: number;
            /** Format: uint64 */
            pending: number;
            /** Format: uint64 */
            processing: number;
        };
        /**
         * Format: uuid
         * @description A prompt that runs in the background. Version 4, because the published clients take it for one.
         */
        JobId: string;
        JobList: {
            items: components["schemas"]["Job"][];
        };
        /** @description Answer to `GET /api/queue/stats`. */
        JobStats: {
            stats: components["schemas"]["JobCounts"];
        };
        /**
         * @description What has become of a job, in the original's words.
         * @enum {string}
         */
        JobStatus: "pending" | "processing" | "completed" | "failed" | "cancelled";
        /**
         * Format: uuid
         * @description An API key; not its secret.
         */
        KeyId: string;
        /** @description How far a protection goes on this host. */
        Level: "none" | "soft" | "hard";
        Load: {
            /** @description When the figures were read. */
            at: components["schemas"]["Timestamp"];
            /** @description Every session that has not ended. */
            sessions: components["schemas"]["SessionLoad"][];
        };
        LogLine: {
            /**
             * Format: uint64
             * @description From 0; the oldest are removed, so that a list may begin later.
             */
            index: number;
            /** @description `stdout`, `stderr`, or `system` for what Ash says of a program. */
            level: string;
            text: string;
            ts: components["schemas"]["Timestamp"];
        };
        LogLines: {
            logs: components["schemas"]["LogLine"][];
            /** @description Always `sandbox`. */
            source: string;
        };
        /** @description An MCP server of a session: `command` (with `args`, `env`) or `url` (with `headers`). */
        McpServer: {
            args?: string[];
            command?: string | null;
            env?: {
                [key: string]: string;
            };
            headers?: {
                [key: string]: string;
            };
            type?: string | null;
            url?: string | null;
        };
        MessageList: {
            messages: components["schemas"]["StoredMessage"][];
            /** @description The `cursor` of the next page; absent behind the last. */
            nextCursor?: string | null;
        };
        /** @description What becomes of runs for which ashd was not there. */
        Missed: "skip" | "run_once";
        /** @description A version by its number or its id. */
        NumberOrId: number | string;
        OutputFormat: {
            schema: {
                [key: string]: unknown;
            };
            type: components["schemas"]["OutputKind"];
        };
        /** @enum {string} */
        OutputKind: "json_schema";
        /** @description What becomes of a run while the job of the one before is not over. */
        Overlap: "skip" | "queue" | "allow";
        /** @description Answer of the same. */
        PermissionAnswered: {
            behavior: components["schemas"]["PermissionBehavior"];
            permissionId: components["schemas"]["PermissionId"];
            /** @description What is not asked again in this session, as rules of `allowedTools`. */
            remembered?: string[];
        };
        /**
         * @description Yes or no.
         * @enum {string}
         */
        PermissionBehavior: "allow" | "deny";
        /**
         * Format: uuid
         * @description A question of a session before it uses a tool.
         */
        PermissionId: string;
        /** @description Answer of `GET /api/sessions/{id}/permissions`: the oldest first. */
        PermissionList: {
            permissions: components["schemas"]["PermissionRequest"][];
        };
        /** @description Who decides what a tool may do. */
        PermissionMode: "bypassPermissions" | "permissionsByAgent" | "default" | "acceptEdits" | "plan" | "dontAsk";
        /**
         * @description A question: `data` of the event `permission_request`, and an entry of
         *     `GET /api/sessions/{id}/permissions`.
         */
        PermissionRequest: {
            createdAt: components["schemas"]["Timestamp"];
            description?: string | null;
            /** @description When it is answered without a client, and how; none if it waits. */
            expiresAt: components["schemas"]["Timestamp"] | null;
            /** @description What the tool is to be used with: a JSON object, as the CLI wrote it. */
            input: unknown;
            onTimeout: components["schemas"]["PermissionBehavior"] | null;
            permissionId: components["schemas"]["PermissionId"];
            /** @description The CLI's own name for its question. */
            requestId: string;
            sessionId: components["schemas"]["SessionId"];
            /** @description What the CLI could remember, in its own words. */
            suggestions?: unknown;
            toolName: string;
            toolUseId?: string | null;
            /** @description The turn that asks; none if Claude Code works on its own. */
            turnId: components["schemas"]["TurnId"] | null;
        };
        /** @description The original's pool figures. */
        Pool: {
            /** Format: uint64 */
            cold: number;
            /** Format: uint64 */
            maxCapacity: number;
            /**
             * Format: uint64
             * @description Sessions that were given a parked sandbox.
             */
            preWarmHits: number;
            /** @description Sessions that were not, by the reason. */
            preWarmMisses?: {
                [key: string]: number;
            };
            /** Format: uint64 */
            resumeColdHits: number;
            /** Format: uint64 */
            resumeWarmHits: number;
            /** Format: uint64 */
            running: number;
            /** Format: uint64 */
            total: number;
            /** Format: uint64 */
            waiting: number;
            /** Format: uint64 */
            warm: number;
            /** Format: uint64 */
            warming: number;
        };
        /** @description The body of every answer that is not a success. */
        Problem: {
            /** @default unknown */
            code: components["schemas"]["Code"];
            /** @default  */
            detail: string;
            /** @description What went wrong and why, for a person. The same text as `message` and `detail`. */
            error: string;
            /** @description The member of the request that is wrong, e.g. `mcpServers.files.command`. */
            field?: string | null;
            /** @description What to do about it. */
            hint?: string | null;
            /** @default  */
            message: string;
            /**
             * Format: uint
             * @description Where the request stood among those that wait for room, from 1.
             */
            queuePosition?: number | null;
            /** @description The name of the request, which the log has, too. */
            requestId?: string | null;
            /**
             * Format: uint16
             * @default 0
             */
            status: number;
            /**
             * Format: uint16
             * @default 0
             */
            statusCode: number;
        };
        Queue: {
            /** @description The running turn, then those that wait, in their order. */
            turns: components["schemas"]["QueuedTurn"][];
        };
        /** @description One row of `GET /api/sessions/:id/queue`. */
        QueuedTurn: {
            createdAt: components["schemas"]["Timestamp"];
            startedAt: components["schemas"]["Timestamp"] | null;
            /** @description `running` or `queued`. */
            state: string;
            /** @description The start of what was said. */
            text: string;
            turnId: components["schemas"]["TurnId"];
        };
        /** @description Answer of `POST /api/config/reload`: what was written anew. */
        Reloaded: {
            /** @description In force from now on. */
            changed: components["schemas"]["SettingChange"][];
            /** @description In force after the restart of [`Change::restart`]. */
            pending: components["schemas"]["SettingChange"][];
        };
        /** @description Answer of `DELETE /api/sessions/:id/queue/:turn`. */
        Removed: {
            turnId: components["schemas"]["TurnId"];
        };
        /** @enum {string} */
        ResultStatus: "pending" | "running" | "completed" | "error" | "cancelled";
        /** @description What became of the latest time. */
        RunOutcome: "started" | "held" | "skipped_overlap" | "skipped_missed" | "skipped_full";
        /** @description How far a run is, in the original's words and one of ours. */
        RunStatus: ("pending" | "running" | "completed" | "cancelled") | "failed";
        Schedule: {
            agentName: string;
            createdAt: components["schemas"]["Timestamp"];
            cron: string;
            enabled: boolean;
            /** @description A run waits for the job of the one before. */
            held: boolean;
            id: components["schemas"]["ScheduleId"];
            label: string | null;
            /** @description The latest job that it became. */
            lastJobId: components["schemas"]["JobId"] | null;
            lastOutcome: components["schemas"]["RunOutcome"] | null;
            lastRunAt: components["schemas"]["Timestamp"] | null;
            /** Format: uint32 */
            maxRetries: number;
            missed: components["schemas"]["Missed"];
            /** @description When it comes next, while it is enabled. */
            nextRunAt: components["schemas"]["Timestamp"] | null;
            overlap: components["schemas"]["Overlap"];
            /** Format: uint32 */
            priority: number;
            prompt: string;
            sessionId: components["schemas"]["SessionId"] | null;
            tenantId: string;
            timezone: string;
        };
        ScheduleEnvelope: {
            schedule: components["schemas"]["Schedule"];
        };
        /**
         * Format: uuid
         * @description A prompt that becomes a job when its time comes.
         */
        ScheduleId: string;
        ScheduleList: {
            schedules: components["schemas"]["Schedule"][];
        };
        /** @description Each includes those before it. */
        Scope: "read" | "use" | "deploy" | "admin";
        /** @description Body of `POST /api/agents/{name}/eval-runs/{id}/score`. */
        ScoreRun: {
            humanNotes?: string | null;
            /**
             * Format: double
             * @description From 1 to 5.
             */
            humanScore?: number | null;
            /** @description Absent: all results of the run. */
            resultId?: components["schemas"]["EvalResultId"] | null;
        };
        ScoredResults: {
            results: components["schemas"]["EvalResult"][];
            /** Format: uint64 */
            scored: number;
        };
        /** @description A secret on its way to where it is sealed: wiped afterwards, and never shown. */
        Secret: string;
        /**
         * @description Body of `POST /api/sessions/:id/messages`. `content` is a text, one block, or a list of
         *     blocks (`text`, `image`, `document`); it is judged by `control::send`.
         */
        SendMessage: {
            content: unknown;
            effort?: components["schemas"]["Effort"] | null;
            /**
             * @description Show `text_delta` and the CLI's `stream_event` frames.
             * @default false
             */
            includePartialMessages?: boolean;
            /** Format: double */
            maxBudgetUsd?: number | null;
            /** Format: uint32 */
            maxTurns?: number | null;
            model?: string | null;
            outputFormat?: components["schemas"]["OutputFormat"] | null;
            thinking?: components["schemas"]["Thinking"] | null;
            /**
             * Format: uint32
             * @description Interrupt the turn when it has run for so long.
             */
            timeoutSeconds?: number | null;
        };
        /** @description Answer of `POST /api/sessions/:id/queue/:turn/now`. */
        SentNow: {
            /** @description The turn that was interrupted for it; none ran if absent. */
            interruptedTurnId: components["schemas"]["TurnId"] | null;
            /** @description The turn that runs next. */
            turnId: components["schemas"]["TurnId"];
        };
        /** @description A session as every route answers it. */
        Session: {
            agentName: components["schemas"]["AgentName"];
            /**
             * Format: uint32
             * @description The version of the agent it was made from.
             */
            agentVersion: number;
            /**
             * @description Hosts that its sandbox may reach beside the model.
             * @default []
             */
            allowedHosts: string[];
            /** @description Its last snapshot outside of the host, if it has one. */
            archive?: components["schemas"]["SessionArchive"] | null;
            /**
             * @description What it may use of the model; none if that is not limited.
             * @default null
             */
            budget: components["schemas"]["Budget"] | null;
            /**
             * @description Whether a turn runs.
             * @default false
             */
            busy: boolean;
            /** @description The options of its creation, without values of the environment. */
            config: components["schemas"]["SessionConfig"];
            createdAt: components["schemas"]["Timestamp"];
            id: components["schemas"]["SessionId"];
            /**
             * @description What keeps it in.
             * @default null
             */
            isolation: components["schemas"]["SessionIsolation"] | null;
            lastActiveAt: components["schemas"]["Timestamp"];
            /**
             * @description What its sandbox may use, by the names of wishes.
             * @default {}
             */
            limits: {
                [key: string]: number;
            };
            model: string | null;
            /**
             * Format: uint32
             * @description Questions that wait for an answer.
             * @default 0
             */
            openPermissions: number;
            parentSessionId: components["schemas"]["SessionId"] | null;
            /**
             * Format: uint32
             * @description Turns that wait behind the running one.
             * @default 0
             */
            queuedTurns: number;
            runnerId: string | null;
            sandboxId: string;
            status: components["schemas"]["SessionStatus"];
            tenantId: string;
            /**
             * @description How warm its sandbox is; none once it has ended.
             * @default null
             */
            tier: components["schemas"]["Tier"] | null;
            /**
             * @description What it has used of the model.
             * @default {
             *       "cacheReadTokens": 0,
             *       "cacheWriteTokens": 0,
             *       "dollars": 0,
             *       "inputTokens": 0,
             *       "outputTokens": 0,
             *       "tokens": 0
             *     }
             */
            usage: components["schemas"]["Used"];
        };
        /** @description A snapshot outside of the host. */
        SessionArchive: {
            /** @description The files are only there. */
            away: boolean;
            /**
             * Format: uint64
             * @description Bytes of its objects.
             */
            bytes: number;
            madeAt: components["schemas"]["Timestamp"];
        };
        /** @description What `GET` shows of a session's options. */
        SessionConfig: {
            allowedTools?: string[];
            askPermissions?: boolean;
            betas?: string[];
            /** @description Of its tenant; absent: the host's key. */
            credentialId?: components["schemas"]["CredentialId"] | null;
            disallowedTools?: string[];
            /** @description Names of the variables. */
            extraEnv?: string[];
            initialAgent?: string | null;
            /** @description Names of the servers. */
            mcpServers?: string[];
            onPermissionTimeout?: components["schemas"]["PermissionBehavior"] | null;
            /** @default bypassPermissions */
            permissionMode: components["schemas"]["PermissionMode"];
            /** Format: uint32 */
            permissionTimeoutSeconds?: number | null;
            subagents?: {
                [key: string]: unknown;
            } | null;
            systemPrompt?: string | null;
        };
        SessionEnvelope: {
            session: components["schemas"]["Session"];
        };
        /**
         * Format: uuid
         * @description A session, and at the same time the Claude Code conversation in it. Version 4, because
         *     the published clients and the CLI take it for one.
         */
        SessionId: string;
        /** @description The verdict of `/health` on the walls around a session, in short. */
        SessionIsolation: {
            /** @description The walls that are not hard, by name. */
            degraded: string[];
            /** @description `scope` (systemd), `plain` (one process tree) or `simulated`. */
            placement: string;
        };
        SessionList: {
            /** @description The `cursor` of the next page; absent behind the last. */
            nextCursor?: string | null;
            sessions: components["schemas"]["Session"][];
            /**
             * Format: uint64
             * @description Sessions that match, whatever the page.
             * @default 0
             */
            total: number;
        };
        /** @description A figure that is not known is absent. */
        SessionLoad: {
            agent: components["schemas"]["AgentName"];
            /** Format: double */
            costUsd: number;
            /**
             * Format: uint64
             * @description Processor time of its sandbox since that was started.
             */
            cpuMicroseconds?: number | null;
            /**
             * Format: uint64
             * @description What Claude Code told since this ashd drives the session.
             */
            inputTokens: number;
            /**
             * Format: uint64
             * @description In memory now, swap not included.
             */
            memoryBytes?: number | null;
            /** Format: uint64 */
            outputTokens: number;
            /**
             * Format: uint32
             * @description Turns that wait behind it.
             */
            queuedTurns: number;
            session: components["schemas"]["SessionId"];
            status: components["schemas"]["SessionStatus"];
            /**
             * Format: uint64
             * @description Processes and threads now.
             */
            tasks?: number | null;
            tier: components["schemas"]["Tier"];
            /** @description The running turn, and since when it runs. */
            turn?: components["schemas"]["TurnId"] | null;
            turnSince?: components["schemas"]["Timestamp"] | null;
        };
        /**
         * @description The states of a session that clients know.
         * @enum {string}
         */
        SessionStatus: "starting" | "active" | "paused" | "stopped" | "ended" | "error";
        /** @description A setting in force. */
        Setting: {
            /** @description As the file names it, e.g. `api.port`. */
            key: string;
            /** @description What it will be after that restart, if a reload found another value. */
            pending?: unknown;
            /** @description The units whose restart a change waits for; none if a reload is enough. */
            restart?: string[];
            /** @description `null` if it is not set and has no default; `***` for a secret. */
            value: unknown;
        } & ({
            /** @constant */
            from: "default";
        } | {
            /** @constant */
            from: "file";
            /** Format: uint */
            line: number;
            path: string;
        } | {
            /** @constant */
            from: "environment";
            variable: string;
        });
        /** @description A setting that was written anew. */
        SettingChange: {
            before: unknown;
            key: string;
            now: unknown;
            restart?: string[];
        };
        /** @description Body of `POST /api/agents/{name}/eval-runs`. */
        StartRun: {
            /** @description Cases that have one of them. */
            categories?: string[] | null;
            /** @description Likewise. */
            tags?: string[] | null;
            /**
             * Format: uint32
             * @description Absent: the active one.
             */
            versionNumber?: number | null;
        };
        /** @description Why the database cannot be used as it should. */
        StoreTrouble: {
            /** @description `disk_full`, `read_only`, `locked`, `moved`, `failing` or `damaged`. */
            code: string;
            error: string;
            /** @description What to do about it. */
            hint: string;
        };
        /** @description One row of `GET /api/sessions/:id/messages`. */
        StoredMessage: {
            /** @description JSON in a string: `{"type":"user","content":…}`, or the CLI's frame verbatim. */
            content: string;
            createdAt: components["schemas"]["Timestamp"];
            /** Format: uuid */
            id: string;
            /** @description `user` or `assistant`. */
            role: string;
            /**
             * Format: uint64
             * @description From 1, without gaps.
             */
            sequence: number;
            sessionId: components["schemas"]["SessionId"];
            tenantId: string;
        };
        /** @description What the sessions of a tenant may use together, and have used, those that are gone included. */
        TenantBudget: {
            budget: components["schemas"]["Budget"] | null;
            tenantId: string;
            usage: components["schemas"]["Used"];
        };
        Thinking: {
            /** Format: uint32 */
            budgetTokens?: number | null;
            type: components["schemas"]["ThinkingKind"];
        };
        /** @enum {string} */
        ThinkingKind: "adaptive" | "enabled" | "disabled";
        /** @description How warm a session's sandbox is, from the warmest. */
        Tier: "hot" | "frozen" | "reclaimed" | "hibernated" | "archived";
        /** @description One row of `GET /api/sessions/:id/events`: the timeline. */
        TimelineEvent: {
            createdAt: components["schemas"]["Timestamp"];
            /** @description JSON in a string. */
            data: string | null;
            /** Format: uuid */
            id: string;
            /**
             * Format: uint64
             * @description From 1, without gaps.
             */
            sequence: number;
            sessionId: components["schemas"]["SessionId"];
            tenantId: string;
            /** @description `text`, `tool_start`, `tool_result`, `reasoning`, `error`, `turn_complete`, `lifecycle`. */
            type: string;
        };
        TimelineList: {
            events: components["schemas"]["TimelineEvent"][];
            /** @description The `cursor` of the next page; absent behind the last. */
            nextCursor?: string | null;
        };
        /**
         * Format: date-time
         * @description A moment, in whole milliseconds since 1970 (UTC). On the wire: ISO 8601 with milliseconds
         *     and `Z`, as the original's clients parse it.
         */
        Timestamp: string;
        Total: {
            /** Format: uint64 */
            total: number;
        };
        TotalByStatus: {
            byStatus: {
                [key: string]: number;
            };
            /** Format: uint64 */
            total: number;
        };
        /**
         * Format: uuid
         * @description One turn of a session: a message and everything up to its `done`.
         */
        TurnId: string;
        /** @description Answer of `PUT` and `POST /api/sessions/{id}/workspace`. */
        UnpackedWorkspace: {
            /** Format: uint64 */
            bytes: number;
            /** Format: uint64 */
            files: number;
            /** @description The original's words; of `POST` only. */
            message?: string | null;
        };
        UploadFile: {
            /** @description In base64. */
            content: string;
            /**
             * @description Not used: a file is its bytes.
             * @default null
             */
            mimeType?: string | null;
            path: string;
        };
        /** @description Body of `POST /api/sessions/{id}/files`. */
        UploadFiles: {
            files: components["schemas"]["UploadFile"][];
            /**
             * @description The folder that the paths are in; absent: the workspace.
             * @default null
             */
            targetPath?: string | null;
        };
        /** @description What became of one file. */
        UploadedFile: {
            error?: string | null;
            path: string;
            /** Format: uint64 */
            size?: number | null;
            written: boolean;
        };
        /** @description Answer of `POST /api/sessions/{id}/files`: what became of each, in their order. */
        UploadedFiles: {
            files: components["schemas"]["UploadedFile"][];
        };
        UsageAnswer: {
            /** @description If the query says by what. */
            groups?: components["schemas"]["UsageOfGroup"][] | null;
            /**
             * @description Records of turns that ended before are removed; `null`: they are kept for ever.
             * @default null
             */
            keptSince: components["schemas"]["Timestamp"] | null;
            stats: components["schemas"]["UsageStats"];
        };
        /** @description One figure of one turn: the original's shape, and the turn. */
        UsageEvent: {
            agentName: components["schemas"]["AgentName"];
            createdAt: components["schemas"]["Timestamp"];
            eventType: string;
            /** Format: uuid */
            id: string;
            sessionId: components["schemas"]["SessionId"];
            tenantId: string;
            turnId: components["schemas"]["TurnId"];
            /** Format: double */
            value: number;
        };
        UsageList: {
            events: components["schemas"]["UsageEvent"][];
        };
        UsageOfGroup: {
            /** @description When its last turn ended. */
            lastAt: components["schemas"]["Timestamp"];
            /** @description The session, agent, model, day or turn; `null` for turns that asked no model. */
            name: string | null;
            stats: components["schemas"]["UsageStats"];
        };
        /** @description The original's sums, and ours behind them. */
        UsageStats: {
            /**
             * Format: double
             * @default 0
             */
            meteredCostUsd: number;
            /**
             * Format: uint64
             * @description As it was counted at the way out.
             * @default 0
             */
            meteredTokens: number;
            /**
             * Format: uint64
             * @default null
             */
            peakMemoryBytes: number | null;
            /** Format: uint64 */
            totalCacheCreationTokens: number;
            /** Format: uint64 */
            totalCacheReadTokens: number;
            /**
             * Format: double
             * @description How long turns ran.
             */
            totalComputeSeconds: number;
            /**
             * Format: double
             * @description As the CLI reckons.
             * @default 0
             */
            totalCostUsd: number;
            /**
             * Format: double
             * @description As the kernel counts; `null` where it did not.
             * @default null
             */
            totalCpuSeconds: number | null;
            /** Format: uint64 */
            totalInputTokens: number;
            /** Format: uint64 */
            totalMessages: number;
            /** Format: uint64 */
            totalOutputTokens: number;
            /**
             * Format: uint64
             * @default null
             */
            totalReadBytes: number | null;
            /** Format: uint64 */
            totalToolCalls: number;
            /**
             * Format: uint64
             * @default 0
             */
            totalTurns: number;
            /**
             * Format: uint64
             * @default null
             */
            totalWrittenBytes: number | null;
        };
        /** @description What was used. */
        Used: {
            /**
             * Format: uint64
             * @default 0
             */
            cacheReadTokens: number;
            /**
             * Format: uint64
             * @default 0
             */
            cacheWriteTokens: number;
            /**
             * Format: double
             * @default 0
             */
            dollars: number;
            /**
             * Format: uint64
             * @default 0
             */
            inputTokens: number;
            /**
             * Format: uint64
             * @default 0
             */
            outputTokens: number;
            /**
             * Format: uint64
             * @description All of them.
             * @default 0
             */
            tokens: number;
        };
        /** @description The original's clients read the one or the other. */
        VersionEnvelope: {
            agentName: components["schemas"]["AgentName"];
            /** Format: uint64 */
            bytes: number;
            createdAt: components["schemas"]["Timestamp"];
            /** @description The id of the API key, `configuration` for the one of the configuration, or `administrator`. */
            createdBy: string | null;
            digest: string;
            /** Format: uint64 */
            files: number;
            id: components["schemas"]["VersionId"];
            /** @description New sessions get it. */
            isActive: boolean;
            /** @default [] */
            knowledgeFiles: string[];
            name: string | null;
            releaseNotes: string | null;
            /** @description What it was made with in place of its `CLAUDE.md`. */
            systemPrompt: string | null;
            tenantId: string;
            updatedAt: components["schemas"]["Timestamp"];
            version: components["schemas"]["AgentVersion"];
            /** Format: uint32 */
            versionNumber: number;
        };
        /**
         * Format: uuid
         * @description A version of an agent, beside its number.
         */
        VersionId: string;
        VersionList: {
            versions: components["schemas"]["AgentVersion"][];
        };
        /** @description A webhook, without its secret. */
        Webhook: {
            createdAt: components["schemas"]["Timestamp"];
            disabledAt: components["schemas"]["Timestamp"] | null;
            /** @description Why it is told nothing any more. */
            disabledReason: string | null;
            enabled: boolean;
            events: components["schemas"]["WebhookEvent"][];
            /**
             * Format: uint32
             * @description Attempts that failed since the last that did not.
             */
            failures: number;
            id: components["schemas"]["WebhookId"];
            label: string | null;
            /**
             * @description When the oldest of them was made.
             * @default null
             */
            oldestWaitingAt: components["schemas"]["Timestamp"] | null;
            tenantId: string;
            url: string;
            /**
             * Format: uint64
             * @description Deliveries that wait.
             */
            waiting: number;
        };
        WebhookEnvelope: {
            webhook: components["schemas"]["Webhook"];
        };
        /** @description What a webhook can be told. */
        WebhookEvent: ("turn.ended" | "job.ended") | "session.changed" | "permission.requested" | "budget.reached" | "webhook.test";
        /**
         * Format: uuid
         * @description An address of a tenant that is told what happens.
         */
        WebhookId: string;
        WebhookList: {
            webhooks: components["schemas"]["Webhook"][];
        };
        /** @description Body of `POST /api/sessions/{id}/workspace`. */
        WorkspaceBundle: {
            /** @description A tar archive in base64. */
            bundle: string;
        };
        /** @description One file of a session's workspace. */
        WorkspaceFile: {
            modifiedAt: components["schemas"]["Timestamp"];
            path: string;
            /** Format: uint64 */
            size: number;
        };
        /** @description A file read with `?format=json`. */
        WorkspaceFileContent: {
            content: string;
            path: string;
            /** Format: uint64 */
            size: number;
            source: string;
        };
        WorkspaceFiles: {
            files: components["schemas"]["WorkspaceFile"][];
            /** @description `sandbox` (live) or `snapshot`. */
            source: string;
            /**
             * @description More files exist than are listed.
             * @default false
             */
            truncated: boolean;
        };
        /** @description Body of `POST /api/agents/{name}/files`. */
        WriteAgentFiles: {
            files: components["schemas"]["AgentFile"][];
        };
        /** @description The agent has another version then. */
        WrittenAgentFiles: {
            agent: components["schemas"]["Agent"];
            /** Format: uint64 */
            written: number;
        };
        /** @description Answer of `PUT /api/sessions/{id}/files/{*path}`. */
        WrittenFile: {
            path: string;
            /** Format: uint64 */
            size: number;
            written: boolean;
        };
    };
    responses: {
        /**
         * @description `agent_invalid`: the folder or archive cannot be deployed, e.g. it has no `CLAUDE.md`.
         *
         *     `archive_invalid`: the archive is damaged, or has something in it that is not unpacked.
         *
         *     `bad_request`: the request is wrong; `field` says where.
         */
        "400-agent_invalid-archive_invalid-bad_request": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_invalid" | "archive_invalid" | "bad_request";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `agent_invalid`: the folder or archive cannot be deployed, e.g. it has no `CLAUDE.md`.
         *
         *     `bad_request`: the request is wrong; `field` says where.
         */
        "400-agent_invalid-bad_request": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_invalid" | "bad_request";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `agent_invalid`: the folder or archive cannot be deployed, e.g. it has no `CLAUDE.md`.
         *
         *     `bad_request`: the request is wrong; `field` says where.
         *
         *     `path_outside`: the path is not a file of the workspace.
         */
        "400-agent_invalid-bad_request-path_outside": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_invalid" | "bad_request" | "path_outside";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `archive_invalid`: the archive is damaged, or has something in it that is not unpacked.
         *
         *     `bad_request`: the request is wrong; `field` says where.
         *
         *     `path_outside`: the path is not a file of the workspace.
         */
        "400-archive_invalid-bad_request-path_outside": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "archive_invalid" | "bad_request" | "path_outside";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `bad_request`: the request is wrong; `field` says where. */
        "400-bad_request": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "bad_request";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `bad_request`: the request is wrong; `field` says where.
         *
         *     `eval_state`: the run is over, and cannot be cancelled.
         */
        "400-bad_request-eval_state": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "bad_request" | "eval_state";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `bad_request`: the request is wrong; `field` says where.
         *
         *     `job_state`: the job is over, and cannot be cancelled.
         */
        "400-bad_request-job_state": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "bad_request" | "job_state";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `bad_request`: the request is wrong; `field` says where.
         *
         *     `path_outside`: the path is not a file of the workspace.
         */
        "400-bad_request-path_outside": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "bad_request" | "path_outside";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `bad_request`: the request is wrong; `field` says where.
         *
         *     `path_outside`: the path is not a file of the workspace.
         *
         *     `session_state`: the session's status does not allow it.
         */
        "400-bad_request-path_outside-session_state": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "bad_request" | "path_outside" | "session_state";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `bad_request`: the request is wrong; `field` says where.
         *
         *     `session_state`: the session's status does not allow it.
         */
        "400-bad_request-session_state": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "bad_request" | "session_state";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `unauthorized`: the API key is missing, wrong, revoked or expired. */
        "401-unauthorized": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "unauthorized";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the key's scope does not reach, `path` is not below `agents.roots`, a host is not in `egress.allow`, an address not in `webhooks.allow` or `webhooks.internal`, or the operation is for the admin socket. */
        "403-forbidden": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "forbidden";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `agent_not_found`: no agent has that name. */
        "404-agent_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `agent_not_found`: no agent has that name.
         *
         *     `eval_not_found`: the agent has no such case, run or result; the newest 50 runs are kept.
         */
        "404-agent_not_found-eval_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_not_found" | "eval_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `agent_not_found`: no agent has that name.
         *
         *     `file_not_found`: the workspace has no such file, or is no longer kept.
         */
        "404-agent_not_found-file_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_not_found" | "file_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `agent_not_found`: no agent has that name.
         *
         *     `file_not_found`: the workspace has no such file, or is no longer kept.
         *
         *     `version_not_found`: the agent has no such version.
         */
        "404-agent_not_found-file_not_found-version_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_not_found" | "file_not_found" | "version_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `agent_not_found`: no agent has that name.
         *
         *     `session_not_found`: no session has that id.
         */
        "404-agent_not_found-session_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_not_found" | "session_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `agent_not_found`: no agent has that name.
         *
         *     `version_not_found`: the agent has no such version.
         */
        "404-agent_not_found-version_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_not_found" | "version_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `attachment_not_found`: the tenant has no attachment of that id.
         *
         *     `file_not_found`: the workspace has no such file, or is no longer kept.
         */
        "404-attachment_not_found-file_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "attachment_not_found" | "file_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `credential_not_found`: the tenant has no credential of that id. */
        "404-credential_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "credential_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `file_not_found`: the workspace has no such file, or is no longer kept.
         *
         *     `session_not_found`: no session has that id.
         */
        "404-file_not_found-session_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "file_not_found" | "session_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `job_not_found`: no job has that id, or it was over for `jobs.keep_hours`. */
        "404-job_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "job_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `key_not_found`: no API key has that id. */
        "404-key_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "key_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `not_found`: no such path. */
        "404-not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `permission_not_found`: the session has asked no such permission.
         *
         *     `session_not_found`: no session has that id.
         */
        "404-permission_not_found-session_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "permission_not_found" | "session_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `schedule_not_found`: no schedule has that id. */
        "404-schedule_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "schedule_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `session_not_found`: no session has that id. */
        "404-session_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "session_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `session_not_found`: no session has that id.
         *
         *     `turn_not_found`: the session has no such turn, or it does not wait.
         */
        "404-session_not_found-turn_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "session_not_found" | "turn_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `webhook_not_found`: no webhook has that id. */
        "404-webhook_not_found": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "webhook_not_found";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `agent_changed`: others changed the agent meanwhile, several times; nothing was changed. */
        "409-agent_changed": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "agent_changed";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `permission_resolved`: it was answered already, or its turn is over. */
        "409-permission_resolved": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "permission_resolved";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `session_busy`: a turn of the session runs or waits, or a command or a file of it is on its way. */
        "409-session_busy": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "session_busy";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_attachments`: the session has 1,000 attachments, or 1 GiB of them. */
        "409-too_many_attachments": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "too_many_attachments";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_evals`: an agent has at most 500 cases. */
        "409-too_many_evals": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "too_many_evals";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_keys`: there are 10,000 API keys, or the tenant has 1,000 credentials. */
        "409-too_many_keys": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "too_many_keys";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_schedules`: the tenant has 200 schedules. */
        "409-too_many_schedules": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "too_many_schedules";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `too_many_webhooks`: the tenant has 20 webhooks. */
        "409-too_many_webhooks": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "too_many_webhooks";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `turn_running`: the turn runs already. */
        "409-turn_running": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "turn_running";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `version_active`: new sessions get this version, so it is not deleted. */
        "409-version_active": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "version_active";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `webhook_disabled`: the webhook is told nothing until it is enabled again. */
        "409-webhook_disabled": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "webhook_disabled";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `session_ended`: the session has ended and cannot be resumed. */
        "410-session_ended": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "session_ended";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `changed_meanwhile`: it is not any more what `If-Match` names. */
        "412-changed_meanwhile": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "changed_meanwhile";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `body_too_large`: the body, or the agent in it, is over a limit. */
        "413-body_too_large": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "body_too_large";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `body_too_large`: the body, or the agent in it, is over a limit.
         *
         *     `file_too_large`: the file is over the limit of its format.
         */
        "413-body_too_large-file_too_large": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "body_too_large" | "file_too_large";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `file_too_large`: the file is over the limit of its format. */
        "413-file_too_large": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "file_too_large";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `config_invalid`: the configuration that was to be reloaded is wrong; the old one stays in force. */
        "422-config_invalid": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "config_invalid";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `idempotency_mismatch`: the `Idempotency-Key` was used for another request. */
        "422-idempotency_mismatch": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "idempotency_mismatch";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `queue_full`: 32 messages of the session, 10,000 jobs of the tenant, or 10,000 events of the webhook wait already; `Retry-After` says when to try again.
         *
         *     `rate_limited`: the key has made more requests than `api.requests_per_minute`; `Retry-After` says when to try again.
         */
        "429-queue_full-rate_limited": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "queue_full" | "rate_limited";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `rate_limited`: the key has made more requests than `api.requests_per_minute`; `Retry-After` says when to try again. */
        "429-rate_limited": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "rate_limited";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `rate_limited`: the key has made more requests than `api.requests_per_minute`; `Retry-After` says when to try again.
         *
         *     `too_many_commands`: eight commands run in the session.
         */
        "429-rate_limited-too_many_commands": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "rate_limited" | "too_many_commands";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `internal`: ashd failed; its log says more. */
        "500-internal": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "internal";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `not_supported`: the session's sandbox was started by an older version of Ash, which cannot do this. */
        "501-not_supported": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "not_supported";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `archive_failed`: the session could not be archived or brought back; nothing was changed.
         *
         *     `cli_missing`: no usable Claude Code CLI on the host.
         *
         *     `cli_too_old`: the CLI is older than 2.1.197.
         *
         *     `draining`: the host is drained and takes no new work; `Retry-After` says when to try again.
         *
         *     `sandbox_failed`: the sandbox did not start, or does not answer.
         *
         *     `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         *
         *     `too_many_sessions`: `sandbox.max` sandboxes run and none of them rests, the memory of the host is short, no uid is free, or 16 sessions without a sandbox are asked for files at once; with `Retry-After`.
         */
        "503-archive_failed-cli_missing-cli_too_old-draining-sandbox_failed-shutting_down-store_unavailable-too_many_sessions": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "archive_failed" | "cli_missing" | "cli_too_old" | "draining" | "sandbox_failed" | "shutting_down" | "store_unavailable" | "too_many_sessions";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `archive_failed`: the session could not be archived or brought back; nothing was changed.
         *
         *     `cut_off`: the session needed its sandbox, or was stopped or ended, before the answer was complete.
         *
         *     `sandbox_failed`: the sandbox did not start, or does not answer.
         *
         *     `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         *
         *     `too_many_sessions`: `sandbox.max` sandboxes run and none of them rests, the memory of the host is short, no uid is free, or 16 sessions without a sandbox are asked for files at once; with `Retry-After`.
         */
        "503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "archive_failed" | "cut_off" | "sandbox_failed" | "shutting_down" | "store_unavailable" | "too_many_sessions";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `archive_failed`: the session could not be archived or brought back; nothing was changed.
         *
         *     `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         */
        "503-archive_failed-shutting_down-store_unavailable": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "archive_failed" | "shutting_down" | "store_unavailable";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `archive_failed`: the session could not be archived or brought back; nothing was changed.
         *
         *     `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         *
         *     `too_many_sessions`: `sandbox.max` sandboxes run and none of them rests, the memory of the host is short, no uid is free, or 16 sessions without a sandbox are asked for files at once; with `Retry-After`.
         */
        "503-archive_failed-shutting_down-store_unavailable-too_many_sessions": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "archive_failed" | "shutting_down" | "store_unavailable" | "too_many_sessions";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `credentials_unavailable`: ash-egress is not there to say to what credentials are sealed.
         *
         *     `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         */
        "503-credentials_unavailable-shutting_down-store_unavailable": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "credentials_unavailable" | "shutting_down" | "store_unavailable";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `draining`: the host is drained and takes no new work; `Retry-After` says when to try again.
         *
         *     `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         */
        "503-draining-shutting_down-store_unavailable": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "draining" | "shutting_down" | "store_unavailable";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `sandbox_failed`: the sandbox did not start, or does not answer.
         *
         *     `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         */
        "503-sandbox_failed-shutting_down-store_unavailable": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "sandbox_failed" | "shutting_down" | "store_unavailable";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `shutting_down`: ashd stops, or the session is ending.
         *
         *     `store_unavailable`: the database cannot be written or read now; nothing was changed; `Retry-After` says when to try again.
         */
        "503-shutting_down-store_unavailable": {
            headers: {
                /** @description Seconds after which it is worth another try. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "shutting_down" | "store_unavailable";
                } & components["schemas"]["Problem"];
            };
        };
        /** @description `disk_full`: the disk of the server is full; nothing was changed. */
        "507-disk_full": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "disk_full";
                } & components["schemas"]["Problem"];
            };
        };
        /**
         * @description `disk_full`: the disk of the server is full; nothing was changed.
         *
         *     `disk_quota_reached`: the files of the session take more than they may, measured now and then; nothing was changed.
         */
        "507-disk_full-disk_quota_reached": {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": {
                    /** @enum {unknown} */
                    code?: "disk_full" | "disk_quota_reached";
                } & components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listAgents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentList"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    deployAgent: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeployAgent"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentEnvelope"];
                };
            };
            400: components["responses"]["400-agent_invalid-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    getAgent: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has. */
                "if-none-match"?: string;
            };
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentEnvelope"];
                };
            };
            /** @description It has not changed. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    deleteAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    changeAgent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeAgent"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    uploadAgent: {
        parameters: {
            query?: never;
            header?: {
                /** @description Its environment: base64 (URL alphabet, no padding) of a JSON object of strings. */
                "ash-agent-env"?: string;
                /** @description Hosts that its sessions may reach, with commas between. */
                "ash-agent-hosts"?: string;
                /** @description Limits of its sandboxes, `name=number` with commas between. */
                "ash-agent-limits"?: string;
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-tar": string;
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentEnvelope"];
                };
            };
            400: components["responses"]["400-agent_invalid-archive_invalid-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    getAgentConfig: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    changeAgentConfig: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AgentConfig"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConfigEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listEvalCases: {
        parameters: {
            query?: {
                /** @description Only those. */
                category?: string;
                /** @description Only those that runs have, or only the others. */
                isActive?: boolean;
            };
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalCaseList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createEvalCase: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CaseContent"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalCaseAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            409: components["responses"]["409-too_many_evals"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    exportEvalCases: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalCaseList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    importEvalCases: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImportCases"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportedCases"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            409: components["responses"]["409-too_many_evals"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    getEvalCase: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalCaseAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    deleteEvalCase: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    changeEvalCase: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeCase"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalCaseAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    scoreEvalResult: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HumanScore"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalResultAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listEvalRuns: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalRunList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    startEvalRun: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StartRun"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalRunAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-version_not_found"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-queue_full-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-draining-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    compareEvalRuns: {
        parameters: {
            query?: {
                /** @description The one. */
                runA?: string;
                /** @description The other. */
                runB?: string;
            };
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ComparisonAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    getEvalRun: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalRunAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    cancelEvalRun: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalRunAnswer"];
                };
            };
            400: components["responses"]["400-bad_request-eval_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listEvalResults: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EvalResultList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    scoreEvalRun: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The id of a agent. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ScoreRun"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScoredResults"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-eval_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listAgentFiles: {
        parameters: {
            query?: {
                /** @description Of this version, by number or id. */
                version?: string;
            };
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentFiles"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found-version_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    writeAgentFiles: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WriteAgentFiles"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenAgentFiles"];
                };
            };
            400: components["responses"]["400-agent_invalid-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            409: components["responses"]["409-agent_changed"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    readAgentFile: {
        parameters: {
            query?: {
                /** @description Of this version, by number or id. */
                version?: string;
                /** @description By default `json`. */
                format?: "json" | "raw";
            };
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description A path in the folder; it may have slashes. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AgentFileText"];
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found-file_not_found-version_not_found"];
            413: components["responses"]["413-file_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    deleteAgentFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description A path in the folder; it may have slashes. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedAgentFile"];
                };
            };
            400: components["responses"]["400-agent_invalid-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-file_not_found"];
            409: components["responses"]["409-agent_changed"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listVersions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createVersion: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The agent's name. */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateVersion"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionEnvelope"];
                };
            };
            400: components["responses"]["400-agent_invalid-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    getVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The number of a version, or its id. */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-agent_not_found-version_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    deleteVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The number of a version, or its id. */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedVersion"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-version_not_found"];
            409: components["responses"]["409-version_active"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    changeVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The number of a version, or its id. */
                version: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeVersion"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VersionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-version_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    activateVersion: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The agent's name. */
                name: string;
                /** @description The number of a version, or its id. */
                version: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ActivatedVersion"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-version_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    showAnalytics: {
        parameters: {
            query?: {
                /** @description Only turns that ended later than this time. */
                after?: string;
                /** @description Only turns that ended earlier than this time. */
                before?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Analytics"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    listApiKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyList"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createApiKey: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CreateApiKey"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedApiKey"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            409: components["responses"]["409-too_many_keys"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    revokeApiKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a api key. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-key_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    readAttachment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a attachment. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-attachment_not_found-file_not_found"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-file_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
        };
    };
    deleteAttachment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a attachment. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-attachment_not_found-file_not_found"];
            410: components["responses"]["410-session_ended"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    showBudget: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantBudget"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    changeTenantBudget: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BudgetChange"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantBudget"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    showConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Configuration"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    reloadConfiguration: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reloaded"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            422: components["responses"]["422-config_invalid"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listCredentials: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CredentialList"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createCredential: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateCredential"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CredentialEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            409: components["responses"]["409-too_many_keys"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-credentials_unavailable-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    deleteCredential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a credential. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-credential_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    backUpDatabase: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/vnd.sqlite3": string;
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    checkDatabase: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DatabaseCheck"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    showDrain: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Drain"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    drain: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Drain"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    undoDrain: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Drain"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    followHost: {
        parameters: {
            query?: {
                /** @description The number behind which to begin. */
                after?: number;
                /** @description How many of the past. */
                last?: number;
                /** @description Only of this session. */
                session?: string;
                /** @description `false`: end behind what has happened so far. */
                follow?: boolean;
            };
            header?: {
                /** @description As `after`, and wins. */
                "last-event-id"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": {
                        data?: string;
                        event?: string;
                        id?: string;
                    };
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    showLoad: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Load"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    listJobs: {
        parameters: {
            query?: {
                /** @description Only those. */
                status?: "pending" | "processing" | "completed" | "failed" | "cancelled";
                /** @description Most that are listed; default 50. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createJob: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateJob"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-session_not_found"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-queue_full-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-draining-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    countJobs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobStats"];
                };
            };
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    getJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a queue. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-job_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    cancelJob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a queue. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            400: components["responses"]["400-bad_request-job_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-job_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listSchedules: {
        parameters: {
            query?: {
                /** @description Of all tenants; over the admin socket only. */
                allTenants?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScheduleList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateSchedule"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScheduleEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found-session_not_found"];
            409: components["responses"]["409-too_many_schedules"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    getSchedule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a schedule. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScheduleEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-schedule_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    deleteSchedule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a schedule. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-schedule_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    changeSchedule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a schedule. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeSchedule"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScheduleEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-schedule_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    runSchedule: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of a schedule. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-schedule_not_found"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-queue_full-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-draining-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listSessions: {
        parameters: {
            query?: {
                /** @description Only of this agent. */
                agent?: string;
                /** @description Only with this status. */
                status?: "starting" | "active" | "paused" | "stopped" | "ended" | "error";
                /** @description By default 1000. */
                limit?: number;
                /** @description How many to leave out. */
                offset?: number;
                /** @description The `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description The span that this is a part of, by W3C Trace Context. */
                traceparent?: string;
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateSession"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-agent_not_found"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-archive_failed-cli_missing-cli_too_old-draining-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of what the client has. */
                "if-none-match"?: string;
            };
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            /** @description It has not changed. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    archiveSession: {
        parameters: {
            query?: {
                /** @description Keep the files here, too. */
                keep?: boolean;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-archive_failed-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listAttachments: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttachmentList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createAttachment: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateAttachment"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AttachmentEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-too_many_attachments"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-body_too_large-file_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listAudit: {
        parameters: {
            query?: {
                /** @description The `sequence` behind which to begin. */
                after?: number;
                /** @description By default 200. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    changeBudget: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BudgetChange"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    configureSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of the session as the client has seen it. */
                "if-match"?: string;
            };
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ConfigureSession"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            410: components["responses"]["410-session_ended"];
            412: components["responses"]["412-changed_meanwhile"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description The `sequence` behind which to begin. */
                after?: number;
                /** @description By default 200. */
                limit?: number;
                /** @description The `nextCursor` of the page before; wins over `after`. */
                cursor?: string;
                /** @description Only of this type. */
                type?: string;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TimelineList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    execCommand: {
        parameters: {
            query?: never;
            header?: {
                /** @description The span that this is a part of, by W3C Trace Context. */
                traceparent?: string;
            };
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExecCommand"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExecResult"];
                    "text/event-stream": {
                        data?: string;
                        event?: string;
                        id?: string;
                    };
                };
            };
            400: components["responses"]["400-bad_request-path_outside-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited-too_many_commands"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listFiles: {
        parameters: {
            query?: {
                /** @description Also folders of caches; by default true. */
                includeHidden?: boolean;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspaceFiles"];
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
        };
    };
    uploadFiles: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UploadFiles"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadedFiles"];
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    readFile: {
        parameters: {
            query?: {
                /** @description By default `raw`. */
                format?: "raw" | "json";
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
                /** @description A path in the folder; it may have slashes. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkspaceFileContent"];
                    "application/octet-stream": string;
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-file_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
        };
    };
    writeFile: {
        parameters: {
            query?: {
                /** @description Absent: as what it replaces. */
                executable?: boolean;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
                /** @description A path in the folder; it may have slashes. */
                path: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WrittenFile"];
                };
            };
            400: components["responses"]["400-archive_invalid-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-body_too_large-file_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full-disk_quota_reached"];
        };
    };
    deleteFile: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
                /** @description A path in the folder; it may have slashes. */
                path: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedFile"];
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    forkSession: {
        parameters: {
            query?: {
                /** @description The last turn that it has; absent: all. */
                turn?: number;
            };
            header?: {
                /** @description The span that this is a part of, by W3C Trace Context. */
                traceparent?: string;
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ForkEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-archive_failed-cli_missing-cli_too_old-draining-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    interruptSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Interrupted"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listLogs: {
        parameters: {
            query?: {
                /** @description The `index` behind which to begin; by default -1, which is all that is kept. */
                after?: number;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogLines"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    listMessages: {
        parameters: {
            query?: {
                /** @description The `sequence` behind which to begin. */
                after?: number;
                /** @description By default 100. */
                limit?: number;
                /** @description The `nextCursor` of the page before; wins over `after`. */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MessageList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    sendMessage: {
        parameters: {
            query?: never;
            header?: {
                /** @description Of a repeated request: the event behind which to go on. */
                "last-event-id"?: string;
                /** @description The span that this is a part of, by W3C Trace Context. */
                traceparent?: string;
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SendMessage"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": {
                        data?: string;
                        event?: string;
                        id?: string;
                    };
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-queue_full-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-archive_failed-cli_missing-cli_too_old-draining-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    pauseSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            409: components["responses"]["409-session_busy"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-sandbox_failed-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listPermissions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PermissionList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    answerPermission: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
                /** @description The id of a permission. */
                permission: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnswerPermission"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PermissionAnswered"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-permission_not_found-session_not_found"];
            409: components["responses"]["409-permission_resolved"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listQueue: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Queue"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    removeTurn: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
                /** @description The id of a turn. */
                turn: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Removed"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found-turn_not_found"];
            409: components["responses"]["409-turn_running"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    sendNow: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
                /** @description The id of a turn. */
                turn: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SentNow"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found-turn_not_found"];
            409: components["responses"]["409-turn_running"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    restoreSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            409: components["responses"]["409-session_busy"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-archive_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    resumeSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            410: components["responses"]["410-session_ended"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-archive_failed-cli_missing-cli_too_old-draining-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full"];
        };
    };
    stopSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request-session_state"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-session_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    streamSession: {
        parameters: {
            query?: {
                /** @description The event behind which to begin. */
                after?: number;
                /** @description Also the text while it is written. */
                includePartialMessages?: boolean;
                /** @description Only this turn, up to its `done`. */
                turn?: string;
                /** @description The stream ends behind the first `done`. */
                until?: "done";
            };
            header?: {
                /** @description As `after`, and wins. */
                "last-event-id"?: string;
            };
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": {
                        data?: string;
                        event?: string;
                        id?: string;
                    };
                };
            };
            /** @description Nothing more will come. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-session_not_found-turn_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    downloadWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/gzip": string;
                };
            };
            400: components["responses"]["400-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-file_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
        };
    };
    replaceWorkspace: {
        parameters: {
            query?: {
                /** @description Unpack over what is there; by default false. */
                keep?: boolean;
            };
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-tar": string;
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnpackedWorkspace"];
                };
            };
            400: components["responses"]["400-archive_invalid-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-body_too_large-file_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full-disk_quota_reached"];
        };
    };
    restoreWorkspace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WorkspaceBundle"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnpackedWorkspace"];
                };
            };
            400: components["responses"]["400-archive_invalid-bad_request-path_outside"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-file_not_found-session_not_found"];
            409: components["responses"]["409-session_busy"];
            410: components["responses"]["410-session_ended"];
            413: components["responses"]["413-body_too_large-file_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            501: components["responses"]["501-not_supported"];
            503: components["responses"]["503-archive_failed-cut_off-sandbox_failed-shutting_down-store_unavailable-too_many_sessions"];
            507: components["responses"]["507-disk_full-disk_quota_reached"];
        };
    };
    listUsage: {
        parameters: {
            query?: {
                /** @description Only turns that ended later than this time. */
                after?: string;
                /** @description Only turns that ended earlier than this time. */
                before?: string;
                /** @description Only turns of this session. */
                sessionId?: string;
                /** @description Only turns of this agent. */
                agentName?: string;
                /** @description By default 100. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    showUsageStats: {
        parameters: {
            query?: {
                /** @description Only turns that ended later than this time. */
                after?: string;
                /** @description Only turns that ended earlier than this time. */
                before?: string;
                /** @description Only turns of this session. */
                sessionId?: string;
                /** @description Only turns of this agent. */
                agentName?: string;
                /** @description By default 100. */
                limit?: number;
                /** @description Also the sums of each. */
                groupBy?: "session" | "agent" | "model" | "day" | "turn";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageAnswer"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    listWebhooks: {
        parameters: {
            query?: {
                /** @description Of all tenants; over the admin socket only. */
                allTenants?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWebhook"];
            };
        };
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            409: components["responses"]["409-too_many_webhooks"];
            413: components["responses"]["413-body_too_large"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-credentials_unavailable-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-webhook_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-webhook_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    changeWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The id of a webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChangeWebhook"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-webhook_not_found"];
            413: components["responses"]["413-body_too_large"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                /** @description Only those. */
                status?: "pending" | "delivered" | "failed";
                /** @description Most that are listed; default 50. */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description The id of a webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryList"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-webhook_not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description A name for this request, chosen by the client: the same request with the same name is done once. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @description The id of a webhook. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryEnvelope"];
                };
            };
            400: components["responses"]["400-bad_request"];
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-webhook_not_found"];
            409: components["responses"]["409-webhook_disabled"];
            422: components["responses"]["422-idempotency_mismatch"];
            429: components["responses"]["429-queue_full-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
            507: components["responses"]["507-disk_full"];
        };
    };
    showReference: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
        };
    };
    readReference: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The name of a file. */
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string;
                    "text/css": string;
                    "text/javascript": string;
                };
            };
            400: components["responses"]["400-bad_request"];
            404: components["responses"]["404-not_found"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    showMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            401: components["responses"]["401-unauthorized"];
            403: components["responses"]["403-forbidden"];
            404: components["responses"]["404-not_found"];
            429: components["responses"]["429-rate_limited"];
            500: components["responses"]["500-internal"];
            503: components["responses"]["503-shutting_down-store_unavailable"];
        };
    };
}
