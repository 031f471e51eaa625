using System.Text.Encodings.Web;
using System.Text.Json;

namespace Microsoft.ML.Generative.Common;

/// <summary>The form of JSON files that people may read: indented, and the same on every system.</summary>
internal static class IndentedJson
{
    public static JsonWriterOptions Options { get; } =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
