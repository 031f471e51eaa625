using System.Reflection;

namespace Microsoft.ML.Generative.Tests;

internal static class SchemaShapes
{
    /// <summary>What a schema promises: ML.NET's own conversion, which is internal.</summary>
    public static SchemaShape Of(DataViewSchema schema) =>
        (SchemaShape)typeof(SchemaShape).GetMethod("Create", BindingFlags.NonPublic | BindingFlags.Static)!.Invoke(null, [schema])!;
}
