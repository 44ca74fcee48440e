//! A client for the Bitrix24 REST API that shares one portal's budget, batches what waits and says whether a call ran
