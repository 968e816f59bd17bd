use shop::Id;

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ServeError {
    /// The request names a product that the catalogue does not have.
    #[error("no product has the id {0}")]
    UnknownProduct(Id),
    /// A part of the request makes no sense.
    #[error("{param}: {reason}")]
    InvalidRequest {
        /// The field of the request.
        param: &'static str,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// The request names something that is not there: a field that no product
    /// has, the place where another search ended.
    #[error("{param}: {reason}")]
    Unknown {
        /// The field of the request.
        param: &'static str,
        /// What is not there and what there is.
        reason: String,
    },
    /// An artifact cannot be served from.
    #[error("the model's files cannot be used: {0}")]
    Artifact(String),
}
