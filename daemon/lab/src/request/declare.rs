//! A request that names each field's default and bounds once.

/// Declares a request: a struct of public fields with `Default` and `check`. Behind each field stand its default and, where
/// it is bounded, the method of [`Findings`](super::findings::Findings) that checks it. A function after `also` checks what
/// one field alone does not show.
macro_rules! request {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $(
                $(#[$doc:meta])*
                $field:ident: $type:ty = $default:expr $(=> $rule:ident($($bound:expr),*))?;
            )*
        }
        $(also $also:path;)?
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)* }
            }
        }

        impl $name {
            /// Looks for everything that is wrong.
            ///
            /// # Errors
            /// With all of it.
            pub fn check(&self) -> Result<(), $crate::request::findings::Wrong> {
                let found = &mut $crate::request::findings::Findings::default();
                $($(found.$rule(stringify!($field), self.$field, $($bound),*);)?)*
                $($also(self, found);)?
                std::mem::take(found).all()
            }
        }
    };
}

pub(crate) use request;
