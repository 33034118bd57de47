// A certified OpenID Connect provider and a relying party, on two hosts, over TLS.
//
// oidc-provider does the protocol; the login form, the account check and the logout question are
// the pages that every user of it writes. The relying party uses openid-client: authorization code,
// PKCE, state and nonce, answer by form_post. A further client may be a proxy. Prints `READY {json}` and serves until stdin closes.

import { randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import https from 'node:https'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values: args } = parseArgs({
  options: {
    modules: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    user: { type: 'string', default: 'prober' },
    password: { type: 'string' },
    'provider-host': { type: 'string', default: '127.0.0.1' },
    'portal-host': { type: 'string', default: '127.0.0.2' },
    // The root URL of a proxy that signs users in here too, its secret in CLIENT_SECRET.
    proxy: { type: 'string' },
  },
})

const require = createRequire(path.join(args.modules, 'package.json'))
const load = async (name) => import(pathToFileURL(require.resolve(name)))
const { default: Provider } = await load('oidc-provider')
const client = await load('openid-client')

const cert = readFileSync(args.cert)
const key = readFileSync(args.key)
new X509Certificate(cert) // a broken file should say so here

// openid-client asks the provider by fetch, which takes extra roots from the environment only.
if (!process.env.NODE_EXTRA_CA_CERTS) throw new Error('NODE_EXTRA_CA_CERTS must name the root of --cert')

const page = (title, body) =>
  `<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>${title}</title></head><body>${body}</body></html>`
const html = (response, status, text) => {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' })
  response.end(text)
}
const form = (request) =>
  new Promise((resolve, reject) => {
    let text = ''
    request.on('data', (chunk) => {
      text += chunk
      if (text.length > 65536) reject(new Error('form too large'))
    })
    request.on('end', () => resolve(new URLSearchParams(text)))
    request.on('error', reject)
  })
const listen = (server, host) =>
  new Promise((resolve) => server.listen(0, host, () => resolve(server.address().port)))

// The portal must know the provider's port and the other way round, so both listen first.
let serveProvider = (_request, response) => html(response, 503, 'starting')
let servePortal = serveProvider
const providerServer = https.createServer({ cert, key }, (request, response) => serveProvider(request, response))
const portalServer = https.createServer({ cert, key }, (request, response) => servePortal(request, response))
const providerPort = await listen(providerServer, args['provider-host'])
const portalPort = await listen(portalServer, args['portal-host'])
const issuer = `https://${args['provider-host']}:${providerPort}`
const portal = `https://${args['portal-host']}:${portalPort}`

const secret = randomBytes(24).toString('hex')
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'portal',
      client_secret: secret,
      redirect_uris: [`${portal}/callback`],
      post_logout_redirect_uris: [`${portal}/goodbye`],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
    ...(args.proxy
      ? [
          {
            client_id: 'proxy',
            client_secret: process.env.CLIENT_SECRET,
            redirect_uris: [`${args.proxy}/oauth2/callback`],
            post_logout_redirect_uris: [`${args.proxy}/bye`],
            response_types: ['code'],
            grant_types: ['authorization_code'],
          },
        ]
      : []),
  ],
  cookies: { keys: [randomBytes(24).toString('hex')] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, question) => {
        ctx.body = page('로그아웃', `${question}<button type="submit" form="op.logoutForm" name="logout" value="yes">예</button>`)
      },
    },
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  ttl: { Session: 3600, Interaction: 600, Grant: 3600, AccessToken: 600, IdToken: 600 },
})
const providerErrors = []
for (const event of ['server_error', 'authorization.error', 'grant.error']) {
  provider.on(event, (_ctx, error) => providerErrors.push(`${event}: ${error.message} ${error.error_description ?? ''}`))
}

const loginForm = (uid, note) =>
  page(
    '통합인증',
    `<h1>통합인증</h1>${note}<form id="login" method="post" action="/interaction/${uid}">
     <input name="login" autocomplete="username"><input name="password" type="password">
     <button type="submit">로그인</button></form>`,
  )

const grantFor = async (accountId, params, missing) => {
  const grant = new provider.Grant({ accountId, clientId: params.client_id })
  grant.addOIDCScope((missing?.missingOIDCScope ?? ['openid']).join(' '))
  return grant.save()
}

const interact = async (request, response) => {
  const details = await provider.interactionDetails(request, response)
  if (details.prompt.name === 'consent') {
    const grantId = await grantFor(details.session.accountId, details.params, details.prompt.details)
    return provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true })
  }
  if (request.method === 'GET') return html(response, 200, loginForm(details.uid, ''))
  const fields = await form(request)
  if (fields.get('login') !== args.user || fields.get('password') !== args.password) {
    return html(response, 200, loginForm(details.uid, '<p class="error">아이디 또는 비밀번호가 일치하지 않습니다.</p>'))
  }
  return provider.interactionFinished(request, response, { login: { accountId: args.user } }, { mergeWithLastSubmission: false })
}

const providerCallback = provider.callback()
serveProvider = (request, response) => {
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => html(response, 500, page('error', String(error.message))))
  } else {
    providerCallback(request, response)
  }
}

const config = await client.discovery(new URL(issuer), 'portal', secret)
const sessions = new Map()
const cookie = (request, name) =>
  (request.headers.cookie ?? '').split(/;\s*/).map((pair) => pair.split('=')).find(([key]) => key === name)?.[1]

const portalPage = async (request, response) => {
  const url = new URL(request.url, portal)
  const id = cookie(request, 'PORTALSESSION')
  const session = sessions.get(id)
  if (url.pathname === '/login') {
    const fresh = { verifier: client.randomPKCECodeVerifier(), state: client.randomState(), nonce: client.randomNonce() }
    const freshId = randomBytes(16).toString('hex')
    sessions.set(freshId, fresh)
    const target = client.buildAuthorizationUrl(config, {
      redirect_uri: `${portal}/callback`,
      scope: 'openid',
      response_mode: 'form_post',
      code_challenge: await client.calculatePKCECodeChallenge(fresh.verifier),
      code_challenge_method: 'S256',
      state: fresh.state,
      nonce: fresh.nonce,
    })
    // SameSite=None: the answer comes back as a cross-site POST.
    response.writeHead(302, {
      location: target.href,
      'set-cookie': `PORTALSESSION=${freshId}; Path=/; Secure; HttpOnly; SameSite=None`,
    })
    return response.end()
  }
  if (url.pathname === '/callback' && request.method === 'POST' && session) {
    const body = await form(request)
    const answer = new Request(`${portal}/callback`, { method: 'POST', body })
    const tokens = await client.authorizationCodeGrant(config, answer, {
      pkceCodeVerifier: session.verifier,
      expectedState: session.state,
      expectedNonce: session.nonce,
    })
    session.user = tokens.claims().sub
    session.idToken = tokens.id_token
    response.writeHead(303, { location: '/main' })
    return response.end()
  }
  if (url.pathname === '/main') {
    if (!session?.user) return html(response, 401, page('로그인 필요', '<a href="/login">로그인</a>'))
    return html(response, 200, page('포털', `<p class="user">${session.user}</p><a href="/logout">로그아웃</a>`))
  }
  if (url.pathname === '/logout') {
    const hint = session?.idToken
    sessions.delete(id)
    if (!hint) return html(response, 200, page('안녕히', '<p id="goodbye">로그아웃되었습니다.</p>'))
    const target = client.buildEndSessionUrl(config, { id_token_hint: hint, post_logout_redirect_uri: `${portal}/goodbye` })
    response.writeHead(302, { location: target.href, 'set-cookie': 'PORTALSESSION=; Path=/; Max-Age=0' })
    return response.end()
  }
  if (url.pathname === '/goodbye') return html(response, 200, page('안녕히', '<p id="goodbye">로그아웃되었습니다.</p>'))
  if (url.pathname === '/open-sessions') {
    response.writeHead(200, { 'content-type': 'application/json' })
    return response.end(JSON.stringify({ open: [...sessions.values()].filter((s) => s.user).length, errors: providerErrors }))
  }
  return html(response, 404, page('404', ''))
}
servePortal = (request, response) => {
  portalPage(request, response).catch((error) => html(response, 500, page('error', String(error.message))))
}

console.log('READY ' + JSON.stringify({ issuer, portal }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
