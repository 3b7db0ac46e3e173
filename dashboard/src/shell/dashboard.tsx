/** The frame of every page: navigation, the connection line, and the overlays that any page may open. */
import { useQuery } from '@tanstack/react-query'
import { Suspense } from 'react'
import { Redirect, Route, Switch, useLocation } from 'wouter'
import type { Me } from '../api/auth'
import { healthQuery } from '../api/health'
import { modelsQuery } from '../api/models'
import { announceInto } from '../live/announcer'
import { useLive } from '../live/live'
import { lazily } from '../lib/lazily'
import { RememberPage } from '../lib/way-back'
import { ModelsPage } from '../models/models-page'
import { Notice } from '../ui/status'
import { AdminsOnly } from './admins-only'
import { Navigation } from './navigation'
import { Overlays } from './overlays'
import { useShortcuts } from './shortcuts'
import styles from './shell.module.css'

const CreatePage = lazily(() => import('../create/create-page'))
const EditPage = lazily(() => import('../create/edit-page'))
const DiscoverPage = lazily(() => import('../discover/discover-page'))
const StoragePage = lazily(() => import('../storage/storage-page'))
const SettingsPage = lazily(() => import('../settings/settings-page'))
const AuditPage = lazily(() => import('../settings/audit-page'))

export function Dashboard({ me }: { me: Me }) {
  useLive()
  useShortcuts()
  const models = useQuery(modelsQuery)
  return (
    <div className={styles.shell}>
      <a href="#main" className={styles.skip}>
        Skip to content
      </a>
      <Navigation models={models.data?.length ?? null} />
      <main id="main" tabIndex={-1} className={styles.main}>
        <HubBanner />
        <Suspense fallback={null}>
          <Switch>
            <Route path="/models/new">
              <AdminsOnly title="New model" refusal="Only administrators add models">
                <CreatePage />
              </AdminsOnly>
            </Route>
            <Route path="/models/:id/edit">
              {({ id }) => (
                <AdminsOnly title="Edit model" refusal="Only administrators change models">
                  <EditPage id={Number(id)} />
                </AdminsOnly>
              )}
            </Route>
            <Route path="/models">
              <ModelsPage />
            </Route>
            <Route path="/discover">
              <DiscoverPage />
            </Route>
            <Route path="/storage">
              <StoragePage />
            </Route>
            <Route path="/settings/audit">
              <AdminsOnly title="Audit log" refusal="Only administrators see the audit log">
                <AuditPage />
              </AdminsOnly>
            </Route>
            <Route path="/settings">
              <SettingsPage me={me} />
            </Route>
            <Route>
              <Unknown />
            </Route>
          </Switch>
        </Suspense>
      </main>
      <Overlays />
      <RememberPage />
      <div ref={announceInto} className="visually-hidden" role="status" aria-live="polite" />
    </div>
  )
}

/** `/`, an old bookmark, or the sign-in page of somebody who is signed in. */
function Unknown() {
  const [path] = useLocation()
  return path === '/downloads' ? (
    <Redirect to="/models?panel=queue" replace />
  ) : (
    <Redirect to="/models" replace />
  )
}

/** What is not reachable outside, told once for the whole page. */
function HubBanner() {
  const { data } = useQuery(healthQuery)
  if (!data?.hub.offline) return null
  return (
    <div className={styles.banner}>
      <Notice tone="warn" role="status" title="Hugging Face is not reachable">
        Downloads wait; hosted models and what is already here work. The setting HF_HUB_OFFLINE keeps this
        installation off the Hub.
      </Notice>
    </div>
  )
}
