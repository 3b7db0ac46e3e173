/** What the Hub says of a repository; asked for on demand, because it takes a request to another service. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { asProblem } from '../api/client'
import { type RepoPreview, repoQuery } from '../api/hub'
import { count, dateTime, parameters } from '../lib/format'
import { Button } from '../ui/button'
import { Bone } from '../ui/place'
import { Notice } from '../ui/status'
import { Fact, Facts, Section } from './fact'
import styles from './info.module.css'
import { Tags } from './model-facts'

export function HubFacts({ repo, revision, modelId }: { repo: string; revision: string; modelId: number }) {
  const [isAsked, setAsked] = useState(false)
  const hub = useQuery({ ...repoQuery(repo, revision, modelId), enabled: isAsked })
  return (
    <Section title="On the Hub">
      {hub.data && <Said preview={hub.data} />}
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

function Said({ preview }: { preview: RepoPreview }) {
  return (
    <>
      <Facts>
        <Fact name="License">{preview.license}</Fact>
        <Fact name="Access">{ACCESS[String(preview.gated)]}</Fact>
        <Fact name="Likes">{preview.likes !== null && count(preview.likes)}</Fact>
        <Fact name="Downloads">{preview.downloads !== null && count(preview.downloads)}</Fact>
        <Fact name="Base model">{preview.baseModel}</Fact>
        <Fact name="Architecture">{preview.architecture}</Fact>
        <Fact name="Parameters">{preview.parameterCount !== null && parameters(preview.parameterCount)}</Fact>
        <Fact name="Context">
          {preview.contextLength !== null && `${count(preview.contextLength)} tokens`}
        </Fact>
        <Fact name="Last modified">{preview.lastModified && dateTime(preview.lastModified)}</Fact>
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

/** Who is let in, by what the Hub calls `gated`. */
const ACCESS: Record<string, string> = {
  auto: 'After accepting its license',
  manual: 'After its authors have agreed',
}
