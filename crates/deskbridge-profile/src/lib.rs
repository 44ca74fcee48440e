//! The customer profile: from a helpdesk ticket to its Bitrix24 company
