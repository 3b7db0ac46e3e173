import './styles/tokens.css'
import './styles/base.css'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import { catchLinkToken } from './signin/link-token'

catchLinkToken()

const root = document.getElementById('root')
if (root) createRoot(root).render(<App />)
