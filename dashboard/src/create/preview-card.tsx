/** What the Hub says of a repository, in one card. */
import { useQuery } from '@tanstack/react-query'
import { ArrowDown, ChevronRight, ExternalLink, Heart } from 'lucide-react'
import type { ReactNode } from 'react'
import type { RepoPreview } from '../api/hub'
import { healthQuery } from '../api/health'
import { count, parameters, shortCount } from '../lib/format'
import { dimensionWords } from '../models/dimensions'
import { familyOf, hubLink } from '../models/facts'
import { AllFacts, StaleNote } from '../models/preview-facts'
import { Glyph } from '../ui/glyph'
import { Bone } from '../ui/place'
import { Tag } from '../ui/status'
import styles from './preview-card.module.css'

export function PreviewCard({ preview }: { preview: RepoPreview }) {
  const { data: health } = useQuery(healthQuery)
  const endpoint = health?.hub.endpoint
  const short = preview.repo.split('/').at(-1) ?? preview.repo
  const dimensions = dimensionWords(preview.dimensions)
  return (
    <section className={styles.card} aria-label={preview.repo}>
      <div className={styles.top}>
        <Glyph
          name={short}
          colour={familyOf(preview.family ?? short)?.colour ?? familyOf(short)?.colour ?? 0}
        />
        <div className={styles.text}>
          <div className={styles.title}>{preview.repo}</div>
          <Facts preview={preview} />
        </div>
        <a
          href={hubLink(preview.repo, endpoint)}
          target="_blank"
          rel="noreferrer"
          className={styles.view}
          aria-label={`View ${preview.repo} on Hugging Face (opens in a new tab)`}
        >
          View <ExternalLink size={14} />
        </a>
      </div>
      <details className={styles.all}>
        <summary>
          <ChevronRight size={14} aria-hidden="true" />
          All facts
          {dimensions.length > 0 && (
            <span className={styles.dimensions}>
              {dimensions.map((word) => (
                <span key={word}>{word}</span>
              ))}
            </span>
          )}
        </summary>
        <AllFacts preview={preview} endpoint={endpoint} />
      </details>
      {preview.stale && <StaleNote at={preview.fetchedAt} />}
    </section>
  )
}

function Facts({ preview }: { preview: RepoPreview }) {
  const words: ReactNode[] = [
    preview.parameterCount && `${parameters(preview.parameterCount)} params`,
    preview.architecture,
    preview.license,
  ].filter(Boolean)
  return (
    <div className={styles.facts}>
      {words.map((word) => (
        <span key={String(word)}>{word}</span>
      ))}
      {preview.likes !== null && (
        <span>
          <Heart size={12} fill="currentColor" aria-label="Likes" /> {count(preview.likes)}
        </span>
      )}
      {preview.downloads !== null && (
        <span>
          <ArrowDown size={12} aria-label="Downloads" /> {shortCount(preview.downloads)} a month
        </span>
      )}
      {preview.gated && <Tag>Gated</Tag>}
      {preview.private && <Tag>Private</Tag>}
      {preview.requiresTrustRemoteCode && <Tag>Needs remote code</Tag>}
    </div>
  )
}

/** Its place, while the Hub is asked. */
export function PreviewSkeleton() {
  return (
    <div className={styles.card} role="status" aria-label="Asking Hugging Face">
      <div className={styles.top}>
        <Bone width={30} height={30} />
        <div className={styles.text}>
          <div className={styles.title}>
            <Bone width={190} />
          </div>
          <div className={styles.facts}>
            <Bone width={280} />
          </div>
        </div>
      </div>
      <div className={styles.bones}>
        <Bone width={320} />
      </div>
    </div>
  )
}
