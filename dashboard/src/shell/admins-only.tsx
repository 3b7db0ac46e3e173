/** A page for administrators; anybody else who follows a link to it reads why there is none. */
import { Lock } from 'lucide-react'
import type { ReactNode } from 'react'
import { useMay } from '../api/auth'
import { ButtonLink } from '../ui/button'
import { Empty } from '../ui/place'
import { PageHeader } from './page-header'

/** `title`: the page's own. `refusal`: what only administrators do. */
export function AdminsOnly({
  title,
  refusal,
  children,
}: {
  title: string
  refusal: string
  children: ReactNode
}) {
  const may = useMay()
  if (may('admin')) return children
  return (
    <>
      <PageHeader title={title} />
      <Empty
        icon={<Lock size={22} />}
        title={refusal}
        actions={
          <ButtonLink href="/models" look="primary">
            Show all models
          </ButtonLink>
        }
      >
        Ask one to do it, or to give you that role.
      </Empty>
    </>
  )
}
