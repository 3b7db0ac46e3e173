/** The side panel of a model that lies on the server already: nothing is fetched, moved or ever deleted. */
import { CutMiddle } from '../ui/tooltip'
import styles from './what-happens.module.css'

export function WhereItStays({ path }: { path: string }) {
  const named = path.trim()
  return (
    <aside className={styles.panel} aria-labelledby="happens-title">
      <h2 id="happens-title">What happens</h2>
      {named && (
        <dl className={styles.facts}>
          <dt>Path</dt>
          <dd>
            <CutMiddle text={named} className={styles.file} />
          </dd>
          <dt>Download</dt>
          <dd>None</dd>
        </dl>
      )}
      <p className={styles.sentence}>
        {named
          ? 'The model is registered and stays where it is. Nothing is copied, and its files are never changed or deleted, not even with the model.'
          : 'Name a file, or a folder with all files of a model, that lies on the server already.'}
      </p>
    </aside>
  )
}
