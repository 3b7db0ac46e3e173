/** All that the Hub says of a repository, beside its files. */
import { CloudOff, ExternalLink } from 'lucide-react'
import { type ReactNode } from 'react'
import type { RepoPreview } from '../api/hub'
import { count, dateTime, parameters } from '../lib/format'
import { Tag } from '../ui/status'
import { Age } from './age'
import { dimensionFacts } from './dimensions'
import { hubLink } from './facts'
import styles from './preview-facts.module.css'

/** The answer was kept from before. */
export function StaleNote({ at }: { at: string }) {
  return (
    <p className={styles.stale}>
      <CloudOff size={14} aria-hidden="true" />
      <span>
        Hugging Face is not reachable: as of <Age at={at} />
      </span>
    </p>
  )
}

export function AllFacts({ preview, endpoint }: { preview: RepoPreview; endpoint: string | undefined }) {
  return (
    <dl className={styles.facts}>
      {previewFacts(preview, endpoint).map(([name, value]) => (
        <div key={name} className={styles.fact}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {preview.tags.length > 0 && (
        <div className={`${styles.fact} ${styles.wide}`}>
          <dt>Tags</dt>
          <dd>
            <Tags tags={preview.tags} />
          </dd>
        </div>
      )}
    </dl>
  )
}

/** With their names; what is not known is not shown. */
export function previewFacts(preview: RepoPreview, endpoint: string | undefined): [string, ReactNode][] {
  const { dimensions, quantization, baseModel } = preview
  const base = baseModel && <BaseModel repo={baseModel} endpoint={endpoint} />
  const facts: [string, ReactNode][] = [
    ['Architecture', preview.architecture],
    ['Family', preview.family],
    ['Parameters', preview.parameterCount !== null && parameters(preview.parameterCount)],
    ['Context', dimensions.contextLength !== null && `${count(dimensions.contextLength)} tokens`],
    ...dimensionFacts(dimensions).map(({ name, value }): [string, ReactNode] => [name, value]),
    ['Data type', preview.dtype],
    ['Quantization', quantization?.method],
    ['License', preview.license],
    ['Access', ACCESS[String(preview.gated)]],
    ['Base model', base],
    ['Task', preview.pipelineTag],
    ['Library', preview.libraryName],
    ['Remote code', preview.requiresTrustRemoteCode && REMOTE_CODE],
    ['Last modified', preview.lastModified && dateTime(preview.lastModified)],
  ]
  return facts.filter(([, value]) => value)
}

/** What it means that a model wants code that its repository brings. */
export const REMOTE_CODE = 'Needed: loading it runs code of the repository'

/** Who is let in, by what the Hub calls `gated`. */
const ACCESS: Record<string, string> = {
  auto: 'After accepting its license',
  manual: 'After its authors have agreed',
}

/** A model that this one was made from, on its own page. */
export function BaseModel({ repo, endpoint }: { repo: string; endpoint: string | undefined }) {
  return (
    <a href={hubLink(repo, endpoint)} target="_blank" rel="noreferrer" className={styles.away}>
      {repo} <ExternalLink size={12} aria-label="(opens in a new tab)" />
    </a>
  )
}

export function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span className={styles.tags}>
      {tags.map((tag) => (
        <Tag key={tag}>{tag}</Tag>
      ))}
    </span>
  )
}
