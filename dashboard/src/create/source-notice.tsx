/** Why a repository shows no files, and what to do about it. */
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useCatalogOnly } from '../api/catalog'
import { healthQuery } from '../api/health'
import { hubLink } from '../models/facts'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import { hasFiles } from './choice'
import styles from './form.module.css'
import { LeaveLink } from './leave'
import type { Source } from './source'

/** Where only what is curated can be had, the catalog is the better place to look. */
export function CuratedOnly() {
  if (!useCatalogOnly()) return null
  return (
    <Notice
      tone="info"
      role="status"
      title="Only curated models can be downloaded here"
      actions={
        <LeaveLink to="/discover" className={styles.away}>
          Choose in Discover
        </LeaveLink>
      }
    >
      Any other repository is refused. Hosted models and what lies on the server already can be added.
    </Notice>
  )
}

const AFTER_SAVING = 'Its files are listed after saving.'

/** `onSaveAndList`: save the token that was typed, then list the files with it. */
export function SourceNotice({
  source,
  hasStoredToken,
  hasTypedToken,
  onSaveAndList,
}: {
  source: Source
  hasStoredToken: boolean
  hasTypedToken: boolean
  onSaveAndList: (() => void) | null
}) {
  const { data: health } = useQuery(healthQuery)
  const found = noticeFor(source, hasStoredToken, hasTypedToken)
  if (!found) return null
  const repo = source.ref?.repo
  return (
    <Notice
      tone={found.tone}
      role="alert"
      title={found.title}
      actions={
        <>
          {found.isGate && repo && (
            <a
              href={hubLink(repo, health?.hub.endpoint)}
              target="_blank"
              rel="noreferrer"
              className={styles.away}
            >
              Open on Hugging Face
            </a>
          )}
          {found.wantsToken && onSaveAndList && <Button onClick={onSaveAndList}>Save and list files</Button>}
          {found.mayRetry && <Button onClick={source.retry}>Try again</Button>}
        </>
      }
    >
      {found.text}
    </Notice>
  )
}

type Found = {
  tone: 'warn' | 'bad'
  title: string
  text: ReactNode
  /** The licence is accepted on the repository's own page. */
  isGate?: boolean
  /** A token that is typed below would help. */
  wantsToken?: boolean
  mayRetry?: boolean
}

function noticeFor(
  { preview, isListed, problem }: Source,
  hasStoredToken: boolean,
  hasTypedToken: boolean,
): Found | null {
  if (preview && isListed && !hasFiles(preview))
    return { tone: 'warn', title: 'No files', text: 'This repository holds no files to download.' }
  if (preview && !isListed) return gate(hasStoredToken)
  if (preview?.gated && !hasStoredToken && !hasTypedToken)
    return {
      tone: 'warn',
      title: 'Gated repository',
      text: 'Accept the licence on Hugging Face and enter a token below, unless this installation has one.',
      isGate: true,
    }
  if (!problem) return null
  switch (problem.code) {
    case 'GATED_MODEL_NO_TOKEN':
    case 'LICENSE_NOT_ACCEPTED':
      return gate(hasStoredToken || problem.code === 'LICENSE_NOT_ACCEPTED')
    case 'INVALID_HF_TOKEN':
      return {
        tone: 'bad',
        title: 'The token was rejected',
        text: `${hasStoredToken ? 'Replace it below.' : 'Enter a valid one below.'} ${AFTER_SAVING}`,
        wantsToken: true,
      }
    case 'REPO_NOT_FOUND':
      return {
        tone: 'bad',
        title: 'No such repository',
        text: `Check owner/name. If it is private, enter a token that may read it. ${AFTER_SAVING}`,
        wantsToken: true,
      }
    case 'REVISION_NOT_FOUND':
      return {
        tone: 'bad',
        title: 'No such revision',
        text: 'Name a branch, a tag or a commit of this repository.',
      }
    case 'HUB_OFFLINE':
      return {
        tone: 'warn',
        title: 'Hugging Face is switched off here',
        text: 'You can register the model by its file name. It can be downloaded once HF_HUB_OFFLINE is unset.',
      }
    default:
      return { tone: 'bad', title: problem.message, text: problem.remedy, mayRetry: true }
  }
}

function gate(hasToken: boolean): Found {
  return {
    tone: 'warn',
    title: 'Gated repository',
    text: hasToken
      ? 'Your token has no access. Accept the licence on Hugging Face with its account, then try again.'
      : `Accept the licence on Hugging Face and enter a token below. ${AFTER_SAVING}`,
    isGate: true,
    wantsToken: true,
    mayRetry: hasToken,
  }
}
