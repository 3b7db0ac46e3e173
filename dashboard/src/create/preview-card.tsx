/** What the Hub says of a repository, in one card. */
import { useQuery } from '@tanstack/react-query'
import { ArrowDown, ExternalLink, Heart } from 'lucide-react'
import type { RepoPreview } from '../api/hub'
import { healthQuery } from '../api/health'
import { count, parameters, shortCount } from '../lib/format'
import { familyOf, hubLink } from '../models/facts'
import { Glyph } from '../ui/glyph'
import { Bone } from '../ui/place'
import { Tag } from '../ui/status'
import styles from './preview-card.module.css'

export function PreviewCard({ preview }: { preview: RepoPreview }) {
  const { data: health } = useQuery(healthQuery)
  const short = preview.repo.split('/').at(-1) ?? preview.repo
  const facts = [
    preview.parameterCount && `${parameters(preview.parameterCount)} params`,
    preview.architecture,
    preview.license,
  ].filter(Boolean)
  return (
    <div className={styles.card}>
      <Glyph
        name={short}
        colour={familyOf(preview.family ?? short)?.colour ?? familyOf(short)?.colour ?? 0}
      />
      <div className={styles.text}>
        <div className={styles.title}>{preview.repo}</div>
        <div className={styles.facts}>
          {facts.map((fact) => (
            <span key={fact}>{fact}</span>
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
      </div>
      <a
        href={hubLink(preview.repo, health?.hub.endpoint)}
        target="_blank"
        rel="noreferrer"
        className={styles.view}
        aria-label={`View ${preview.repo} on Hugging Face (opens in a new tab)`}
      >
        View <ExternalLink size={14} />
      </a>
    </div>
  )
}

/** Its place, while the Hub is asked. */
export function PreviewSkeleton() {
  return (
    <div className={styles.card} role="status" aria-label="Asking Hugging Face">
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
  )
}
