/** Where a model comes from, when that can't change. */
import { useQuery } from '@tanstack/react-query'
import { ExternalLink } from 'lucide-react'
import { healthQuery } from '../api/health'
import type { Model } from '../api/models'
import { fileOf, hubLink } from '../models/facts'
import styles from './form.module.css'

export function FixedSource({ model, why }: { model: Model; why: string }) {
  const { data: health } = useQuery(healthQuery)
  return (
    <section className={styles.section} aria-labelledby="source-title">
      <h2 id="source-title">Source</h2>
      <dl className={styles.facts}>
        {model.hfRepo && (
          <>
            <dt>Repository</dt>
            <dd>
              <a
                href={hubLink(model.hfRepo, health?.hub.endpoint)}
                target="_blank"
                rel="noreferrer"
                className={styles.away}
              >
                <code>{model.hfRepo}</code> <ExternalLink size={13} aria-label="(opens in a new tab)" />
              </a>
            </dd>
          </>
        )}
        <dt>{model.source === 'path' ? 'Path' : 'File'}</dt>
        <dd>
          <code>{fileOf(model)}</code>
        </dd>
        {model.revision && (
          <>
            <dt>Revision</dt>
            <dd>
              <code>
                {model.commitHash ? `${model.revision} · ${model.commitHash.slice(0, 7)}` : model.revision}
              </code>
            </dd>
          </>
        )}
      </dl>
      <p className={styles.hint}>{why}</p>
    </section>
  )
}
