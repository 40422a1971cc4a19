CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    token_id TEXT NOT NULL,
    request_id TEXT NOT NULL DEFAULT '', -- of the request that made it, for the log
    status TEXT NOT NULL,
    spec TEXT NOT NULL,
    judge_model_id TEXT NOT NULL,
    judge_fingerprint TEXT NOT NULL,
    judge_noise TEXT, -- NULL until it is measured
    simulated INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    stop_reason TEXT,
    iteration INTEGER NOT NULL DEFAULT 0,
    rollouts INTEGER NOT NULL DEFAULT 0,
    seed_score REAL,
    best_score REAL,
    best_candidate_id INTEGER,
    error_code TEXT,
    error_message TEXT,
    result TEXT,
    standing TEXT,
    last_event_id INTEGER NOT NULL DEFAULT 0,
    stop_requested INTEGER NOT NULL DEFAULT 0,
    paused_s REAL NOT NULL DEFAULT 0,
    left_at REAL, -- since when a job that has run waits for a runner
    drafted INTEGER NOT NULL DEFAULT 0,
    owner TEXT,
    owner_epoch INTEGER NOT NULL DEFAULT 0,
    comparison_id TEXT, -- of the jobs that one request made, a target each
    place INTEGER NOT NULL DEFAULT 0 -- among them
) STRICT;

CREATE INDEX jobs_by_status ON jobs (status, created_at);
CREATE INDEX jobs_by_comparison ON jobs (comparison_id, place) WHERE comparison_id IS NOT NULL;
CREATE INDEX jobs_by_origin ON jobs (token_id, json_extract(spec, '$.fork.job_id'), created_at, id)
    WHERE json_extract(spec, '$.fork.job_id') IS NOT NULL; -- forks, by what they are made from
CREATE INDEX jobs_by_token ON jobs (token_id, created_at, id);
CREATE INDEX jobs_by_noise ON jobs (judge_model_id, created_at) WHERE judge_noise IS NOT NULL;

CREATE TABLE examples (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    input TEXT NOT NULL,
    ideal TEXT,
    tags TEXT NOT NULL,
    meta TEXT NOT NULL,
    synthetic INTEGER NOT NULL,
    event_id INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    key TEXT NOT NULL,
    type TEXT NOT NULL,
    ts REAL NOT NULL,
    data TEXT NOT NULL,
    spending TEXT,
    checkpoint INTEGER,
    void INTEGER,
    UNIQUE (job_id, id),
    UNIQUE (job_id, key)
) STRICT;

CREATE TABLE candidates (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    iteration INTEGER NOT NULL,
    text TEXT NOT NULL,
    prompts TEXT NOT NULL, -- a JSON object: the components of a program by name, of which text is made
    parents TEXT NOT NULL,
    operator TEXT NOT NULL,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    score REAL,
    parent_score REAL,
    compared INTEGER NOT NULL,
    PRIMARY KEY (job_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollouts (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    event_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    candidate_id INTEGER NOT NULL,
    example_id TEXT NOT NULL,
    split TEXT NOT NULL,
    output TEXT NOT NULL,
    score REAL,
    feedback TEXT NOT NULL,
    error TEXT,
    flags TEXT NOT NULL,
    PRIMARY KEY (job_id, event_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollouts_by_candidate ON rollouts (job_id, candidate_id, split, event_id, position, score);

CREATE TABLE lessons (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    candidate_id INTEGER NOT NULL,
    iteration INTEGER NOT NULL,
    gain REAL,
    PRIMARY KEY (job_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    question TEXT, -- one hash for all calls, of whatever job, that one answer serves; NULL if each wants its own
    role TEXT NOT NULL,
    model_id TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0,
    started_at REAL NOT NULL,
    latency_s REAL,
    text TEXT,
    finish_reason TEXT,
    flags TEXT NOT NULL DEFAULT '[]',
    error_code TEXT,
    error_message TEXT,
    sends INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL DEFAULT 0, -- NULL once an answer came without
    doubtful INTEGER NOT NULL DEFAULT 0,
    is_free INTEGER NOT NULL DEFAULT 0, -- whatever becomes of it, nobody pays
    PRIMARY KEY (job_id, key, request_sha256)
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_failed ON calls (job_id) WHERE status = 'failed';
CREATE INDEX calls_that_answer ON calls (question) WHERE status = 'done' AND question IS NOT NULL;

CREATE TABLE usage (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_usd REAL NOT NULL, -- as far as it is known
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (job_id, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    point TEXT NOT NULL,
    answer TEXT,
    PRIMARY KEY (job_id, point)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    token_id TEXT NOT NULL,
    key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    created_at REAL NOT NULL,
    PRIMARY KEY (token_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_job ON idempotency (job_id);

CREATE TABLE bank (
    token_id TEXT NOT NULL,
    id TEXT NOT NULL,
    input TEXT NOT NULL,
    ideal TEXT,
    tags TEXT NOT NULL,
    meta TEXT NOT NULL,
    content_hash TEXT, -- null where the id is made from it
    created_at REAL NOT NULL,
    PRIMARY KEY (token_id, id) -- with rowids: ids are spread at random, and a tree of ids alone has few pages to write
) STRICT;

CREATE INDEX bank_by_content ON bank (token_id, content_hash) WHERE content_hash IS NOT NULL;

CREATE TABLE pin_versions ( -- complete without the job, which may be deleted
    token_id TEXT NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    prompts TEXT NOT NULL,
    job_id TEXT NOT NULL,
    job_created_at REAL NOT NULL,
    candidate_id INTEGER NOT NULL,
    score REAL,
    scored_on TEXT,
    verdict TEXT,
    spec TEXT NOT NULL,
    judge_model_id TEXT NOT NULL,
    judge_fingerprint TEXT NOT NULL,
    judge_noise TEXT,
    simulated INTEGER NOT NULL,
    created_at REAL NOT NULL,
    previous INTEGER, -- the version that was active before
    PRIMARY KEY (token_id, name, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE pin_activations (
    token_id TEXT NOT NULL,
    name TEXT NOT NULL,
    id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    since REAL NOT NULL,
    until REAL, -- NULL while it is the active one
    PRIMARY KEY (token_id, name, id),
    FOREIGN KEY (token_id, name, number) REFERENCES pin_versions (token_id, name, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX pin_active ON pin_activations (token_id, name) WHERE until IS NULL;

CREATE TABLE pin_retests (
    token_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at REAL NOT NULL,
    job_id TEXT NOT NULL, -- which may be deleted
    number INTEGER NOT NULL,
    against INTEGER NOT NULL,
    upto_at REAL, -- the last of the new examples that it took; NULL if it was given others
    upto_id TEXT,
    PRIMARY KEY (token_id, name, created_at, job_id),
    FOREIGN KEY (token_id, name, number) REFERENCES pin_versions (token_id, name, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE runners (
    id TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    pid_started_at INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    started_at REAL NOT NULL,
    heartbeat_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    draining INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE judge_checks (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL, -- of the judge, the question and the anchors
    model_id TEXT NOT NULL,
    checked_at REAL NOT NULL,
    scores TEXT NOT NULL, -- a JSON object: the scores by anchor
    drift TEXT, -- NULL of a baseline
    moved INTEGER NOT NULL
) STRICT;

CREATE TABLE judge_turns ( -- of runners to check the judge
    fingerprint TEXT PRIMARY KEY,
    owner TEXT, -- the runner that is at it
    begun_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX judge_checks_by_fingerprint ON judge_checks (fingerprint, id);

CREATE TABLE ended_sessions ( -- of pages: logged out before their time
    id TEXT PRIMARY KEY,
    until REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX ended_sessions_by_time ON ended_sessions (until);

CREATE TABLE counters (
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (name, labels)
) STRICT, WITHOUT ROWID;

CREATE TABLE job_sizes ( -- the text that a job keeps, in bytes: what the triggers below add up
    job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    token_id TEXT NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX job_sizes_by_token ON job_sizes (token_id);

CREATE TRIGGER jobs_grow AFTER INSERT ON jobs BEGIN
    INSERT INTO job_sizes (job_id, token_id, bytes) VALUES (new.id, new.token_id, length(CAST(new.spec AS BLOB)));
END;

CREATE TRIGGER jobs_change AFTER UPDATE OF spec, result, standing, error_message ON jobs BEGIN
    UPDATE job_sizes SET bytes = bytes
        + length(CAST(new.spec || coalesce(new.result, '') || coalesce(new.standing, '') || coalesce(new.error_message, '') AS BLOB))
        - length(CAST(old.spec || coalesce(old.result, '') || coalesce(old.standing, '') || coalesce(old.error_message, '') AS BLOB))
        WHERE job_id = new.id;
END;

CREATE TRIGGER jobs_change_hands AFTER UPDATE OF token_id ON jobs BEGIN
    UPDATE job_sizes SET token_id = new.token_id WHERE job_id = new.id;
END;

CREATE TRIGGER events_grow AFTER INSERT ON events BEGIN
    UPDATE job_sizes SET bytes = bytes + length(CAST(new.data || coalesce(new.spending, '') AS BLOB)) WHERE job_id = new.job_id;
END;

CREATE TRIGGER calls_change AFTER UPDATE OF text, error_message ON calls BEGIN
    UPDATE job_sizes SET bytes = bytes + length(CAST(coalesce(new.text, '') || coalesce(new.error_message, '') AS BLOB))
        - length(CAST(coalesce(old.text, '') || coalesce(old.error_message, '') AS BLOB)) WHERE job_id = new.job_id;
END;

CREATE TRIGGER examples_grow AFTER INSERT ON examples BEGIN
    UPDATE job_sizes SET bytes = bytes + length(CAST(new.id || new.input || coalesce(new.ideal, '') || new.tags || new.meta AS BLOB))
        WHERE job_id = new.job_id;
END;

CREATE TRIGGER examples_shrink AFTER DELETE ON examples BEGIN
    UPDATE job_sizes SET bytes = bytes - length(CAST(old.id || old.input || coalesce(old.ideal, '') || old.tags || old.meta AS BLOB))
        WHERE job_id = old.job_id;
END;

CREATE TRIGGER candidates_grow AFTER INSERT ON candidates BEGIN
    UPDATE job_sizes SET bytes = bytes + length(CAST(new.text || new.prompts || new.reason AS BLOB))
        WHERE job_id = new.job_id;
END;

CREATE TRIGGER candidates_shrink AFTER DELETE ON candidates BEGIN
    UPDATE job_sizes SET bytes = bytes - length(CAST(old.text || old.prompts || old.reason AS BLOB))
        WHERE job_id = old.job_id;
END;

CREATE TRIGGER rollouts_grow AFTER INSERT ON rollouts BEGIN
    UPDATE job_sizes SET bytes = bytes + length(CAST(new.output || new.feedback || coalesce(new.error, '') AS BLOB))
        WHERE job_id = new.job_id;
END;

CREATE TRIGGER rollouts_shrink AFTER DELETE ON rollouts BEGIN
    UPDATE job_sizes SET bytes = bytes - length(CAST(old.output || old.feedback || coalesce(old.error, '') AS BLOB))
        WHERE job_id = old.job_id;
END;

CREATE TRIGGER lessons_grow AFTER INSERT ON lessons BEGIN
    UPDATE job_sizes SET bytes = bytes + length(CAST(new.text AS BLOB))
        WHERE job_id = new.job_id;
END;

CREATE TRIGGER lessons_shrink AFTER DELETE ON lessons BEGIN
    UPDATE job_sizes SET bytes = bytes - length(CAST(old.text AS BLOB))
        WHERE job_id = old.job_id;
END;

CREATE TABLE bank_sizes ( -- what the triggers below add up: examples, and the text of all in bytes
    token_id TEXT PRIMARY KEY,
    examples INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER bank_grows AFTER INSERT ON bank BEGIN
    INSERT INTO bank_sizes (token_id, examples, bytes)
        VALUES (new.token_id, 1, length(CAST(new.id || new.input || coalesce(new.ideal, '') || new.tags || new.meta AS BLOB)))
        ON CONFLICT (token_id) DO UPDATE SET examples = examples + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER bank_changes AFTER UPDATE OF input, ideal, tags, meta ON bank BEGIN
    UPDATE bank_sizes SET bytes = bytes + length(CAST(new.id || new.input || coalesce(new.ideal, '') || new.tags || new.meta AS BLOB))
        - length(CAST(old.id || old.input || coalesce(old.ideal, '') || old.tags || old.meta AS BLOB)) WHERE token_id = new.token_id;
END;

CREATE TRIGGER bank_shrinks AFTER DELETE ON bank BEGIN
    UPDATE bank_sizes SET examples = examples - 1,
        bytes = bytes - length(CAST(old.id || old.input || coalesce(old.ideal, '') || old.tags || old.meta AS BLOB)) WHERE token_id = old.token_id;
END;

CREATE TABLE pin_sizes ( -- of pinned prompts: the text of all versions in bytes, and 100 for each other row
    token_id TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER pin_versions_grow AFTER INSERT ON pin_versions BEGIN
    INSERT INTO pin_sizes (token_id, bytes)
        VALUES (new.token_id, length(CAST(new.text || new.prompts || new.spec AS BLOB)))
        ON CONFLICT (token_id) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER pin_versions_shrink AFTER DELETE ON pin_versions BEGIN
    UPDATE pin_sizes SET bytes = bytes - length(CAST(old.text || old.prompts || old.spec AS BLOB))
        WHERE token_id = old.token_id;
END;

CREATE TRIGGER pin_activations_grow AFTER INSERT ON pin_activations BEGIN
    UPDATE pin_sizes SET bytes = bytes + 100 WHERE token_id = new.token_id;
END;

CREATE TRIGGER pin_activations_shrink AFTER DELETE ON pin_activations BEGIN
    UPDATE pin_sizes SET bytes = bytes - 100 WHERE token_id = old.token_id;
END;

CREATE TRIGGER pin_retests_grow AFTER INSERT ON pin_retests BEGIN
    UPDATE pin_sizes SET bytes = bytes + 100 WHERE token_id = new.token_id;
END;

CREATE TRIGGER pin_retests_shrink AFTER DELETE ON pin_retests BEGIN
    UPDATE pin_sizes SET bytes = bytes - 100 WHERE token_id = old.token_id;
END;

CREATE TABLE gauges ( -- what each process shows of itself; of one that is gone they count for nothing
    boot_id TEXT NOT NULL,
    pid INTEGER NOT NULL,
    pid_started_at INTEGER NOT NULL,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (boot_id, pid, pid_started_at, name)
) STRICT, WITHOUT ROWID;
