/** The volumes, where workers have some of their own. */
import { useMay } from '../api/auth'
import type { Volume } from '../api/storage'
import { bytes, count } from '../lib/format'
import { Age } from '../models/age'
import { useDialog } from '../settings/use-dialog'
import { Button } from '../ui/button'
import { ForgetVolume } from './forget-volume'
import styles from './volumes.module.css'

export function Volumes({ volumes }: { volumes: readonly Volume[] }) {
  const may = useMay()
  const forgetting = useDialog<Volume>()
  if (volumes.length < 2) return null
  return (
    <section className={styles.card} aria-labelledby="volumes">
      <h2 id="volumes">Volumes</h2>
      {/* Scrolls where it is wide, so the keyboard must reach it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className={styles.scroll} role="group" aria-labelledby="volumes" tabIndex={0}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">Volume</th>
              {['Used', 'Available', 'Reserved', 'Models', 'Workers'].map((name) => (
                <th key={name} scope="col" className={styles.number}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {volumes.map((volume) => (
              <Row key={volume.name} volume={volume} onForget={may('admin') ? forgetting.open : undefined} />
            ))}
          </tbody>
        </table>
      </div>
      {forgetting.about && (
        <ForgetVolume
          key={forgetting.key}
          volume={forgetting.about}
          open={forgetting.isOpen}
          onClose={forgetting.close}
        />
      )}
    </section>
  )
}

function Row({ volume, onForget }: { volume: Volume; onForget?: (volume: Volume) => void }) {
  const { name, usedBytes, totalBytes, availableBytes, reservedBytes, models, workers, seenAt } = volume
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className={styles.number}>
        {bytes(usedBytes)} of {bytes(totalBytes)}
      </td>
      <td className={styles.number}>{bytes(availableBytes)}</td>
      <td className={styles.number}>{bytes(reservedBytes)}</td>
      <td className={styles.number}>{count(models)}</td>
      <td className={styles.number} data-tone={workers === 0 ? 'bad' : undefined}>
        {workers === 0 ? (
          <>
            none, seen <Age at={seenAt} />
            {onForget && (
              <Button size="small" aria-label={`Forget ${name}…`} onClick={() => onForget(volume)}>
                Forget…
              </Button>
            )}
          </>
        ) : (
          (workers ?? '–')
        )}
      </td>
    </tr>
  )
}
