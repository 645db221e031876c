//! Numbers with names: message types, error codes, and the like.

/// Makes a newtype over a number with named values: `Debug` and `Display` show the name.
macro_rules! numbers {
    ($(#[$doc:meta])* pub struct $type:ident($repr:ty) { $($(#[$value_doc:meta])* $name:ident = $value:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub $repr);

        impl $type {
            $($(#[$value_doc])* pub const $name: $type = $type($value);)*

            /// The name that the specification gives this number, if it is one we know.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{name} ({})", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}
pub(crate) use numbers;

/// The same for an ASN.1 `Int32`.
macro_rules! int32_numbers {
    ($(#[$doc:meta])* pub struct $type:ident { $($(#[$value_doc:meta])* $name:ident = $value:literal,)* }) => {
        $crate::asn1::numbers! {
            $(#[$doc])* pub struct $type(i32) { $($(#[$value_doc])* $name = $value,)* }
        }

        impl der::FixedTag for $type {
            const TAG: der::Tag = der::Tag::Integer;
        }

        impl<'a> der::DecodeValue<'a> for $type {
            type Error = der::Error;

            fn decode_value<R: der::Reader<'a>>(reader: &mut R, header: der::Header) -> der::Result<Self> {
                i32::decode_value(reader, header).map($type)
            }
        }

        impl $crate::asn1::backwards::WriteBackwards for $type {
            fn write(&self, to: &mut $crate::asn1::backwards::Backwards) {
                to.integer(self.0.into());
            }
        }

        impl der::EncodeValue for $type {
            fn value_len(&self) -> der::Result<der::Length> {
                self.0.value_len()
            }

            fn encode_value(&self, writer: &mut impl der::Writer) -> der::Result<()> {
                self.0.encode_value(writer)
            }
        }
    };
}
pub(crate) use int32_numbers;
