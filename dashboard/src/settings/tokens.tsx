/** The API tokens: what there is, one more, one less. */
import { useQuery } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { useRef } from 'react'
import type { Me } from '../api/auth'
import { asProblem } from '../api/client'
import { type Token, tokensQuery } from '../api/tokens'
import { dateTime } from '../lib/format'
import { Age } from '../models/age'
import { useClock } from '../models/clock'
import { Button } from '../ui/button'
import { Status, Tag } from '../ui/status'
import { Card } from './card'
import { ListSkeleton, NotRead } from './list'
import { NewToken } from './new-token'
import { RevokeToken } from './revoke-token'
import { ROLE_NAMES } from './roles'
import styles from './settings.module.css'
import { useDialog } from './use-dialog'

export function Tokens({ me }: { me: Me }) {
  const tokens = useQuery(tokensQuery)
  const making = useDialog<Me>()
  const revoking = useDialog<Token>()
  const add = useRef<HTMLButtonElement>(null)
  return (
    <Card
      title="API tokens"
      note="For scripts and machines: each calls the API with a role of its own."
      action={
        <Button ref={add} icon={<Plus size={15} />} onClick={() => making.open(me)}>
          New token
        </Button>
      }
    >
      {tokens.isPending && <ListSkeleton words="Reading the API tokens" />}
      {tokens.isError && <NotRead problem={asProblem(tokens.error)} onRetry={() => void tokens.refetch()} />}
      {tokens.data?.length === 0 && <NoTokens />}
      <ul aria-label="API tokens">
        {tokens.data?.map((token) => (
          <TokenRow
            key={token.id}
            token={token}
            isOwnerShown={me.role === 'admin'}
            onRevoke={() => revoking.open(token)}
          />
        ))}
      </ul>
      {making.about && (
        <NewToken key={making.key} me={making.about} open={making.isOpen} onClose={making.close} />
      )}
      {revoking.about && (
        <RevokeToken
          key={revoking.key}
          token={revoking.about}
          open={revoking.isOpen}
          onClose={revoking.close}
          next={add}
        />
      )}
    </Card>
  )
}

function TokenRow({
  token,
  isOwnerShown,
  onRevoke,
}: {
  token: Token
  isOwnerShown: boolean
  onRevoke: () => void
}) {
  const now = useClock()
  const isExpired = token.expiresAt !== null && Date.parse(token.expiresAt) <= now
  return (
    <li className={styles.row}>
      <div className={styles.words}>
        <div className={styles.title}>
          <span className={styles.name}>{token.name}</span>
          <Tag>{ROLE_NAMES[token.role]}</Tag>
          {isExpired && <Status tone="bad">Expired</Status>}
        </div>
        <div className={styles.facts}>
          <span className={styles.mono}>{token.prefix}…</span>
          {isOwnerShown && <span>of {token.owner}</span>}
          <span>Created {dateTime(token.createdAt)}</span>
          <span>{expiryOf(token, isExpired)}</span>
          <span>Last used {token.lastUsedAt ? <Age at={token.lastUsedAt} /> : 'never'}</span>
        </div>
      </div>
      <Button size="small" aria-label={`Revoke ${token.name}`} onClick={onRevoke}>
        Revoke
      </Button>
    </li>
  )
}

function expiryOf({ expiresAt }: Token, isExpired: boolean): string {
  if (!expiresAt) return 'Never expires'
  return `${isExpired ? 'Expired' : 'Expires'} ${dateTime(expiresAt)}`
}

function NoTokens() {
  return (
    <div className={styles.nothing}>
      <p>There are no API tokens yet. With one, a script asks what you see here:</p>
      <pre className={styles.code}>
        <code>{`curl ${location.origin}/api/models -H "Authorization: Bearer wb_…"`}</code>
      </pre>
    </div>
  )
}
