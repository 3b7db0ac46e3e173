-- A register as it looks after years. For psycopg2: %(count)s models, %(turns)s operations for each of them,
-- %(running)s and %(pending)s that have not ended; %(path)s is the cache that has the files.

-- A file of weights, and the small ones beside it: both models of a repository share one, and many repositories
-- have the same tokenizer.
create function pg_temp.manifest_of(n bigint) returns jsonb language sql immutable as $$
  select jsonb_build_object('commit', md5(n::text) || '00000000', 'files', jsonb_build_array(
    jsonb_build_object('path', 'model-' || n || '.gguf', 'size', 1000000 * (n %% 9000 + 1),
      'oid', md5(n::text) || md5(n::text), 'is_lfs', true),
    jsonb_build_object('path', 'config.json', 'size', 1200, 'oid', md5('c' || n / 2) || '00000000',
      'is_lfs', false),
    jsonb_build_object('path', 'tokenizer.json', 'size', 7000000, 'oid', md5('t' || n / 2 %% 400) || md5('t'),
      'is_lfs', true)))
$$;

-- Two models to a repository, as with quantizations; one in ten was never fetched, or not to its end.
insert into models (id, name, type, category, source, hf_repo, revision, model_file, is_active, is_default,
  download_status, downloaded, downloaded_at, created_at, updated_at, commit_hash, local_path, file_size_bytes,
  checksum, facts, manifest, verified_at)
select n, 'Filler ' || n, 'local', case when n %% 4 = 0 then 'embedding' else 'llm' end, 'huggingface',
  'filler-' || n / 2 %% 500 || '/model-' || n / 2, 'main', 'model-' || n || '.gguf', true, false,
  case when here then 'Downloaded' else (array['NotDownloaded', 'Failed', 'Canceled'])[n / 10 %% 3 + 1] end,
  here, case when here then at end, at - interval '1 hour', at,
  case when here then md5(n::text) || '00000000' end, case when here then %(path)s end,
  case when here then 1000000::bigint * (n %% 9000 + 1) end,
  case when here then 'sha256:' || md5(n::text) || md5(n::text) end, %(facts)s::jsonb,
  case when here then pg_temp.manifest_of(n) end, case when here then at end
from (select n, n %% 10 > 0 as here, now() - n * interval '5 minutes' as at
  from generate_series(1, %(count)s) n) rows;
select setval(pg_get_serial_sequence('models', 'id'), %(count)s);

-- Each a day apart: downloads, verifies, updates that found nothing new; some failed, some were canceled.
insert into operations (id, model_id, kind, status, attempt, phase, bytes_done, bytes_total, files_done,
  files_total, manifest, result, error, requested_by, request_id, nudged_at, created_at, started_at, updated_at,
  finished_at)
select gen_random_uuid(), n, kind, status, 1, 'publishing', size, size, 3, 3,
  case when kind = 'download' then pg_temp.manifest_of(n) end,
  case when status = 'completed' then
    case kind when 'verify' then 'intact' when 'update' then 'up_to_date' end end,
  case when status = 'failed' then
    '{"code": "HUB_UNAVAILABLE", "detail": "The Hub did not answer.", "remedy": null}'::jsonb end,
  'user' || n %% 40, 'bench', at, at, at, at, at + interval '90 seconds'
from (
  select n, 1000000::bigint * (n %% 9000 + 1) as size, now() - n * interval '5 minutes' - turn * interval '1 day'
      as at,
    case when turn %% 3 = 0 then 'download' when turn %% 3 = 1 then 'verify' else 'update' end as kind,
    case when turn = 0 and n %% 10 = 0 then (array['failed', 'canceled'])[n / 10 %% 2 + 1]
      when turn = 0 then 'completed' when (n * 7 + turn) %% 100 < 4 then 'failed'
      when (n * 7 + turn) %% 100 < 7 then 'canceled' else 'completed' end as status
  from generate_series(1, %(count)s) n, generate_series(0, %(turns)s - 1) turn
) rows;

-- Of the models that are not there. Their leases and nudges outlast the benchmark, and nobody is at work.
insert into operations (id, model_id, kind, status, attempt, admitted_attempt, worker, lease_until, nudged_at,
  bytes_done, bytes_total, files_total, manifest, requested_by, started_at)
select gen_random_uuid(), 10 * turn, 'download', case when is_running then 'running' else 'pending' end, 1, 1,
  case when is_running then 'gone@bench' end, case when is_running then now() + interval '1 day' end,
  now() + interval '1 day', turn * 1000000, 1000000000 + turn, 3, pg_temp.manifest_of(10 * turn), 'bench', now()
from (select turn, turn <= %(running)s as is_running from generate_series(1, %(running)s + %(pending)s) turn) rows;
update models set download_status = case operations.status when 'running' then 'Downloading' else 'Pending' end
from operations where model_id = models.id and status in ('pending', 'running');

insert into cached_repos (path, repo, size_bytes, file_count, revisions, blobs, modified_at, accessed_at, folders,
  read_at)
select %(path)s, 'filler-' || n %% 500 || '/model-' || n, 2000000::bigint * (n %% 9000 + 1), 4,
  jsonb_build_array(jsonb_build_object('commit', md5((2 * n)::text) || '00000000', 'refs',
    jsonb_build_array('main'), 'size_bytes', 1000000, 'freed_bytes', 0, 'file_count', 4, 'modified_at', 1.7e9)),
  jsonb_build_object(
    md5((2 * n)::text) || md5((2 * n)::text), jsonb_build_array(1000000, 1.7e9, n),
    md5((2 * n + 1)::text) || md5((2 * n + 1)::text), jsonb_build_array(1000000, 1.7e9, 1000000 + n),
    md5('t' || n %% 400) || md5('t'), jsonb_build_array(7000000, 1.7e9, 2000000 + n %% 400)),
  now(), now(), '{}'::jsonb, now()
from generate_series(0, %(count)s / 2) n;
insert into volumes (path, total_bytes, available_bytes, partial_bytes, seen_at, scanned_at, cache_bytes,
  half_files)
values (%(path)s, 1e14, 5e13, 0, now(), now(), 4e13, '[]');

-- What else grows with the years: the audit log, and the answers kept for a day.
insert into audit_events (at, action, actor, role, address, model_id, model_name)
select now() - n * interval '1 minute',
  (array['download.requested', 'auth.signed_in', 'model.changed'])[n %% 3 + 1], 'user' || n %% 40, 'operator',
  '10.0.0.' || n %% 250, n %% %(count)s, 'Filler ' || n %% %(count)s
from generate_series(1, %(count)s * %(turns)s / 2) n;
insert into idempotency_keys (key, caller, fingerprint, status, body, created_at)
select 'key-' || n, 'token:1', md5(n::text) || md5(n::text), 202, md5(n::text), now() - n * interval '1 second'
from generate_series(1, %(count)s / 2) n;
