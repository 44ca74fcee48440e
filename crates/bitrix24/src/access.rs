//! In whose name calls are made, and how one request is signed.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use crate::{
    Application, PortalBase, Webhook,
    application::keyring::Held,
    error::{Class, Failure},
    transport::Transport,
    upload::Upload,
};

/// In whose name a client calls.
#[derive(Clone)]
#[non_exhaustive]
pub enum Access {
    /// With the rights of an inbound webhook.
    Webhook(Webhook),
    /// As a local application, with tokens.
    Application(Application),
}

impl Access {
    /// The portal that is called.
    pub fn portal_base(&self) -> &PortalBase {
        match self {
            Self::Webhook(webhook) => webhook.portal_base(),
            Self::Application(application) => application.portal_base(),
        }
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Webhook(one), Self::Webhook(other)) => one.is_same_as(other),
            (Self::Application(one), Self::Application(other)) => one.is_same_as(other),
            _ => false,
        }
    }

    /// What the next request is signed with. An application may have to wait for its tokens, until the deadline.
    pub(crate) async fn sign<T: Transport>(
        self: &Arc<Self>,
        transport: &Arc<T>,
        deadline: Instant,
    ) -> Result<Signature, Failure> {
        let held = match &**self {
            Self::Webhook(_) => None,
            Self::Application(application) => {
                Some(application.held(None, transport, deadline).await?)
            }
        };
        Ok(Signature {
            access: Arc::clone(self),
            held,
            upload: None,
        })
    }
}

/// Names the user or the application, and the portal.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(webhook) => webhook.fmt(f),
            Self::Application(application) => application.fmt(f),
        }
    }
}

/// What one request is signed with.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    access: Arc<Access>,
    /// The tokens of an application.
    held: Option<Arc<Held>>,
    /// A file whose address holds tokens of its own.
    upload: Option<Arc<Upload>>,
}

impl Signature {
    /// The same for a request that carries this file.
    pub(crate) fn carrying(mut self, upload: Option<Arc<Upload>>) -> Self {
        self.upload = upload;
        self
    }

    /// The address of a method. That of a webhook contains its secret: for the transport only.
    pub(crate) fn method_url(&self, method: &str) -> String {
        match &*self.access {
            Access::Webhook(webhook) => webhook.method_url(method),
            Access::Application(application) => {
                format!("{}/rest/{method}.json", application.portal_base())
            }
        }
    }

    /// The access token that has to stand among the parameters.
    pub(crate) fn auth(&self) -> Option<&str> {
        let held = self.held.as_ref()?;
        Some(held.tokens.expose_access_token())
    }

    /// `text` with every occurrence of a secret blotted out.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let uploaded = self.upload.as_ref().map(|upload| upload.scrub(text));
        let text = uploaded.as_deref().unwrap_or(text);
        match (&*self.access, &self.held) {
            (Access::Webhook(webhook), _) => webhook.scrub(text),
            (Access::Application(application), held) => {
                let text = application.scrub(text);
                held.as_ref()
                    .map_or_else(|| text.clone(), |held| held.tokens.scrub(&text))
            }
        }
    }

    /// What a portal that says so of this signature means by it: a webhook has nothing that could be renewed.
    pub(crate) fn meant(&self, class: Class) -> Class {
        match (&*self.access, class) {
            (Access::Webhook(_), Class::TokenExpired) => Class::Credentials,
            (_, class) => class,
        }
    }

    /// Draws the consequences of what a portal said to a request, before those who wait for it are told: expired
    /// tokens are renewed, refused ones given up. A failure that comes of that takes the place of the portal's.
    pub(crate) async fn learn<T: Transport>(
        &self,
        failures: &mut [&mut Failure],
        transport: &Arc<T>,
        deadline: Instant,
    ) {
        let (Access::Application(application), Some(held)) = (&*self.access, &self.held) else {
            return;
        };
        let is_any = |class| failures.iter().any(|failure| failure.class == class);
        let (class, renewed) = if is_any(Class::TokenExpired) {
            let renewed = application.held(Some(held), transport, deadline).await;
            (Class::TokenExpired, renewed.map(drop))
        } else if is_any(Class::Credentials) {
            (
                Class::Credentials,
                application.distrust(held, transport, deadline).await,
            )
        } else {
            // Whatever else was said, it was said to a token that is in force.
            if failures.iter().all(|failure| failure.class.is_verdict()) {
                held.prove();
            }
            return;
        };
        for failure in failures.iter_mut().filter(|failure| failure.class == class) {
            match &renewed {
                Ok(()) => failure.class = Class::TokenExpired,
                Err(why) => **failure = why.clone(),
            }
        }
    }
}

#[cfg(test)]
impl Signature {
    /// The user of the webhook; nought of an application.
    pub(crate) fn user_id(&self) -> u64 {
        match &*self.access {
            Access::Webhook(webhook) => webhook.user_id(),
            Access::Application(_) => 0,
        }
    }
}

#[cfg(test)]
impl From<Webhook> for Signature {
    fn from(webhook: Webhook) -> Self {
        Self {
            access: Arc::new(Access::Webhook(webhook)),
            held: None,
            upload: None,
        }
    }
}
