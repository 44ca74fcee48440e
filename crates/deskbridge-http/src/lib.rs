//! What every router needs: limits, error body, request ids, who is calling
