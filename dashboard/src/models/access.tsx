/** Whether Hugging Face lets us in, and where it does not, the button that solves it. */
import { useQuery } from '@tanstack/react-query'
import { ExternalLink } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { type Access, accessQuery } from '../api/hub'
import { Button } from '../ui/button'
import { Notice } from '../ui/status'
import styles from './access.module.css'

export type AccessStatus = Access['status']

/** Codes of failures that `GET /api/hub/access` knows more about. */
const GATE_CODES = new Set(['GATED_MODEL_NO_TOKEN', 'LICENSE_NOT_ACCEPTED', 'INVALID_HF_TOKEN'])

/** Whether it is a gate or a token that stands in the way. */
export const isOfGate = (code: string | undefined): boolean => code !== undefined && GATE_CODES.has(code)

/** What the Hub says of a repository to a model's token, else to the server's; asked only if `isOn`. */
export const useAccess = (repo: string, modelId: number | undefined, isOn: boolean) =>
  useQuery({ ...accessQuery(repo, modelId), enabled: isOn })

type Words = { tone: 'warn' | 'bad'; title: string; wants: readonly ('token' | 'license' | 'check')[] }

const WORDS: Record<Exclude<AccessStatus, 'ok'>, Words> = {
  token_missing: { tone: 'warn', title: 'A token is needed', wants: ['token', 'license'] },
  token_invalid: { tone: 'bad', title: 'The token was rejected', wants: ['token'] },
  license_not_accepted: {
    tone: 'warn',
    title: 'The license is not accepted yet',
    wants: ['license', 'check', 'token'],
  },
  pending: { tone: 'warn', title: 'Waiting for the authors', wants: ['check'] },
  denied: { tone: 'bad', title: 'The authors have declined', wants: ['token', 'check'] },
  not_found: { tone: 'bad', title: 'No such repository', wants: ['token'] },
}

/** The word on what leads to the token. */
export function tokenWord({ status, tokenSource }: Pick<Access, 'status' | 'tokenSource'>): string {
  if (tokenSource !== 'model') return 'Enter a token'
  return status === 'token_invalid' ? 'Replace the token' : 'Use another token'
}

/**
 * `token`: what leads to the place where a token is entered. `actions`: what else can be done.
 */
export function AccessNotice({
  access,
  token,
  onCheck,
  actions,
}: {
  access: Access
  token?: ReactNode
  /** Ask anew; its promise ends with the answer. */
  onCheck: () => Promise<unknown>
  actions?: ReactNode
}) {
  const check = useCheck(onCheck, access)
  if (access.status === 'ok') return null
  const { tone, title, wants } = WORDS[access.status]
  return (
    <Notice
      tone={tone}
      role="alert"
      title={title}
      actions={
        <div className={styles.actions}>
          {wants.includes('license') && <LicenseLink href={access.link} />}
          {wants.includes('check') && (
            <Button size="small" aria-busy={check.isBusy} onClick={check.run}>
              {check.isBusy ? 'Checking…' : 'Check again'}
            </Button>
          )}
          {wants.includes('token') && token}
          {actions}
        </div>
      }
    >
      {access.detail} {access.remedy}
      {check.at !== null && <span className={styles.checked}> Checked at {check.at}.</span>}
    </Notice>
  )
}

/** A check that changes nothing is seen, and heard, all the same. */
function useCheck(onCheck: () => Promise<unknown>, { status }: Access) {
  const [isBusy, setBusy] = useState(false)
  const [last, setLast] = useState<{ at: string; status: AccessStatus } | null>(null)
  const run = async () => {
    if (isBusy) return
    setBusy(true)
    await onCheck()
    setLast({ at: new Date().toLocaleTimeString('en-GB'), status })
    setBusy(false)
  }
  return { isBusy, at: last?.status === status ? last.at : null, run: () => void run() }
}

/** To where a license is accepted, which only a person can do. */
export function LicenseLink({ href }: { href: string }) {
  return (
    <a href={href} target="_blank" rel="noreferrer" className={styles.out}>
      Accept the license on Hugging Face
      <ExternalLink size={14} aria-label="(opens in a new tab)" />
    </a>
  )
}
