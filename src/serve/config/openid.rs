//! The keys of `[http.oidc]`: by which provider of OpenID Connect people may log in as well.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::outcome::Failure;

/// It; off while it names no issuer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OpenIdKeys {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) claim: String,
    pub(crate) amr: Vec<String>,
    pub(crate) acr: Vec<String>,
    pub(crate) second_factor: SecondFactor,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authorities: Option<PathBuf>,
}

/// Of whom a second factor is wanted that logs in by the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SecondFactor {
    #[serde(rename = "who has an app")]
    WhoHasAnApp,
    #[serde(rename = "everybody")]
    Everybody,
}

impl Default for OpenIdKeys {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: None,
            client_secret_file: None,
            name: "single sign-on".to_owned(),
            scopes: vec!["email".to_owned()],
            claim: "email".to_owned(),
            amr: Vec::new(),
            acr: Vec::new(),
            second_factor: SecondFactor::WhoHasAnApp,
            authorities: None,
        }
    }
}

impl OpenIdKeys {
    /// Paths, which are relative to the file that they stand in.
    pub(crate) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.client_secret_file.iter_mut().chain(&mut self.authorities)
    }

    /// What no key says alone.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (&self.issuer, &self.client_id) {
            (Some(_), None) => Err("[http.oidc]: `issuer` needs `client_id`".to_owned()),
            _ => Ok(()),
        }
    }

    /// Nobody logs in by a provider here: whoever names one is told so before anything starts.
    #[cfg(not(feature = "oidc"))]
    pub(crate) fn refuse(&self) -> Result<(), Failure> {
        let why = "[http.oidc]: this ringwall was built without it: cargo build --release --features oidc";
        if self.issuer.is_some() { Err(Failure::Usage(why.to_owned())) } else { Ok(()) }
    }

    /// The provider, if there is one.
    #[cfg(feature = "oidc")]
    pub(crate) fn provider(&self) -> Result<Option<console::OpenId>, Failure> {
        let (Some(issuer), Some(client_id)) = (self.issuer.clone(), self.client_id.clone()) else {
            return Ok(None);
        };
        let read = |path: &PathBuf| std::fs::read_to_string(path).map_err(Failure::file(path));
        let client_secret = self.client_secret_file.as_ref().map(read).transpose()?;
        let provider = console::OpenId {
            name: self.name.clone(),
            issuer,
            client_id,
            client_secret: client_secret.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()),
            scopes: self.scopes.clone(),
            claim: self.claim.clone(),
            amr: self.amr.clone(),
            acr: self.acr.clone(),
            wants_factor: self.second_factor == SecondFactor::Everybody,
            authorities: self.authorities.clone(),
        };
        provider.check().map_err(|wrong| Failure::Usage(format!("[http.oidc]: {wrong}")))?;
        Ok(Some(provider))
    }
}
