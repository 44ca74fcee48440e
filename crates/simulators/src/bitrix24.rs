//! A Bitrix24 portal.
