// The service provider: passport-saml in an Express application, as its README sets it up.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { createRequire } from 'node:module'
import path from 'node:path'
import { parseArgs } from 'node:util'

const names = ['modules', 'cert', 'key', 'idp', 'idp-cert', 'sp']
const { values: args } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) })
const require = createRequire(path.join(args.modules, 'package.json'))
const express = require('express')
const session = require('express-session')
const passport = require('passport')
const { Strategy } = require('@node-saml/passport-saml')

const user = (profile, done) => done(null, { name: profile.nameID })
passport.use(
  new Strategy(
    {
      entryPoint: `${args.idp}/idp/sso/post/`,
      authnRequestBinding: 'HTTP-POST',
      issuer: `${args.sp}/metadata`,
      audience: `${args.sp}/metadata`,
      callbackUrl: `${args.sp}/login/callback`,
      idpCert: readFileSync(args['idp-cert'], 'utf8'),
      identifierFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
      disableRequestedAuthnContext: true,
      validateInResponseTo: 'always',
    },
    user,
    user,
  ),
)
passport.serializeUser((user, done) => done(null, user.name))
passport.deserializeUser((name, done) => done(null, { name }))

const app = express()
app.use(
  session({
    secret: randomBytes(24).toString('hex'),
    resave: false,
    saveUninitialized: false,
    // The answer comes back as a cross-site POST.
    cookie: { secure: true, httpOnly: true, sameSite: 'none' },
  }),
)
app.use(express.urlencoded({ extended: false }))
app.use(passport.session())
app.get('/login', passport.authenticate('saml'))
app.post('/login/callback', passport.authenticate('saml'), (_request, response) => response.redirect('/main'))
app.get('/main', (request, response) => {
  if (!request.user) return response.redirect('/login')
  response.send(`<!doctype html><meta charset=utf-8><h1>업무</h1><p class=user>${request.user.name}</p><a href=/logout>로그아웃</a>`)
})
app.get('/logout', (request, response, next) =>
  request.logout((error) => (error ? next(error) : response.send('<!doctype html><p id=goodbye>안녕히</p>'))))

const { hostname, port } = new URL(args.sp)
https.createServer({ cert: readFileSync(args.cert), key: readFileSync(args.key) }, app).listen(Number(port), hostname)
