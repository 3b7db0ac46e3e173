/** What the Hub says of a repository; asked for on demand, because it takes a request to another service. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { asProblem } from '../api/client'
import { healthQuery } from '../api/health'
import { type RepoPreview, repoQuery, type Variant } from '../api/hub'
import { count } from '../lib/format'
import { Fit, fitWord, Memory } from '../models/fit'
import { previewFacts, StaleNote, Tags } from '../models/preview-facts'
import { Rating } from '../models/rating'
import { Button } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice } from '../ui/status'
import { Fact, Facts, Section } from './fact'
import styles from './info.module.css'

export function HubFacts({ repo, revision, modelId }: { repo: string; revision: string; modelId: number }) {
  const [isAsked, setAsked] = useState(false)
  const hub = useQuery({ ...repoQuery(repo, revision, modelId), enabled: isAsked })
  return (
    <Section title="On the Hub">
      {hub.data && <Said preview={hub.data} modelId={modelId} />}
      {hub.isFetching && !hub.data && (
        <div className={styles.skeleton} role="status" aria-label="Asking the Hub">
          <Bone />
          <Bone />
          <Bone width="70%" />
        </div>
      )}
      {hub.isError && !hub.isFetching && (
        <Notice
          tone="bad"
          role="alert"
          title={asProblem(hub.error).message}
          actions={
            <Button size="small" onClick={() => void hub.refetch()}>
              Try again
            </Button>
          }
        >
          {asProblem(hub.error).remedy}
        </Notice>
      )}
      {!isAsked && !hub.data && (
        <Button size="small" onClick={() => setAsked(true)}>
          Show what the Hub says
        </Button>
      )}
    </Section>
  )
}

function Said({ preview, modelId }: { preview: RepoPreview; modelId: number }) {
  const { data: health } = useQuery(healthQuery)
  const own = preview.variants.find((variant) => variant.modelId === modelId)
  return (
    <>
      {preview.stale && <StaleNote at={preview.fetchedAt} />}
      <Facts>
        {own && <Needs variant={own} contextLength={preview.estimateContextLength} />}
        <Fact name="Likes">{preview.likes !== null && count(preview.likes)}</Fact>
        <Fact name="Downloads">{preview.downloads !== null && count(preview.downloads)}</Fact>
        {previewFacts(preview, health?.hub.endpoint).map(([name, value]) => (
          <Fact key={name} name={name}>
            {value}
          </Fact>
        ))}
        <Fact name="Tags">{preview.tags.length > 0 && <Tags tags={preview.tags} />}</Fact>
      </Facts>
      <details className={styles.raw}>
        <summary>All metadata</summary>
        {/* The keyboard scrolls what it can stand on. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre tabIndex={0}>{JSON.stringify(preview, null, 2)}</pre>
      </details>
    </>
  )
}

/** What this very file takes, and how good it is for its size. */
function Needs({ variant, contextLength }: { variant: Variant; contextLength: number | null }) {
  const { speed = null, memory = null, quality = null } = variant.ratings ?? {}
  return (
    <>
      <Fact name="Memory, about">
        {variant.memoryBytes !== null && (
          <Memory of={{ ...variant, weightsBytes: variant.sizeBytes }} contextLength={contextLength} />
        )}
      </Fact>
      <Fact name="Fit">{fitWord(variant) && <Fit of={variant} />}</Fact>
      <Fact name="Quality">{quality !== null && <Rating what="Quality" value={quality} />}</Fact>
      <Fact name="Speed">{speed !== null && <Rating what="Speed" value={speed} />}</Fact>
      <Fact name="Thrift with memory">{memory !== null && <Rating what="Memory" value={memory} />}</Fact>
    </>
  )
}
