/** The commits of a repository that lie in the cache. */
import type { CachedRepo, CachedRevision } from '../api/cache'
import { bytes, dateTime, plural } from '../lib/format'
import { Status, Tag } from '../ui/status'
import { Tip } from '../ui/tooltip'
import styles from './repos.module.css'

export function Revisions({ repo: { repo, revisions } }: { repo: CachedRepo }) {
  return (
    <div role="row" className={styles.opened}>
      <div role="cell">
        {revisions.length ? (
          <ul className={styles.revisions} aria-label={`Revisions of ${repo}`}>
            {revisions.map((revision) => (
              <Revision key={revision.commitHash} revision={revision} />
            ))}
          </ul>
        ) : (
          <p className={styles.quiet}>No commit of it is whole: only parts of files lie here.</p>
        )}
      </div>
    </div>
  )
}

function Revision({ revision }: { revision: CachedRevision }) {
  const { commitHash, refs, sizeBytes, freedBytes, fileCount, modifiedAt, isInUse } = revision
  return (
    <li className={styles.revision}>
      <div className={styles.commit}>
        <Tip text={commitHash} render={<code />}>
          {commitHash.slice(0, 10)}
        </Tip>
        {refs.map((ref) => (
          <Tag key={ref}>{ref}</Tag>
        ))}
      </div>
      <span className={styles.quiet}>
        {plural(fileCount, 'file')}, {bytes(sizeBytes)}
        {modifiedAt && `, ${dateTime(modifiedAt)}`}
      </span>
      <span className={styles.fate}>
        {isInUse ? (
          <Status tone="ok">In use</Status>
        ) : (
          <Status tone="quiet">
            {freedBytes ? `${bytes(freedBytes)} would be free without it` : 'Shares all of its files'}
          </Status>
        )}
      </span>
    </li>
  )
}
