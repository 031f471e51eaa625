using System.Text;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace Docs.Tests;

/// <summary>Compiles blocks as the programs of a console application that references the library and ML.NET.</summary>
internal static partial class BlockCompiler
{
    private static readonly CSharpParseOptions _parsing = new(LanguageVersion.Latest, DocumentationMode.None);

    // All compilations derive from one, which has read the references once.
    private static readonly CSharpCompilation _page = CSharpCompilation.Create(
        "Example", [Parse(Prelude.Page)], References(),
        new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));

    private static readonly CSharpCompilation _reference = _page.AddSyntaxTrees(Parse(Prelude.Reference));

    /// <summary>The compiler's errors and warnings, with file, line and column of the page or source.</summary>
    public static string[] Check(CodeBlock block) =>
        [.. (block.Namespace is null ? _page : _reference).AddSyntaxTrees(Parse(Program(block))).GetDiagnostics()
            .Where(found => found.Severity >= DiagnosticSeverity.Warning)
            .Select(found => $"{Place(found)}: {found.Severity} {found.Id}: {found.GetMessage(null)}")];

    /// <summary>The blocks' usings, then their statements; <c>#line</c> says where each comes from.</summary>
    private static string Program(CodeBlock block)
    {
        CodeBlock[] blocks = [.. block.Earlier, block];
        var program = new StringBuilder();
        if (block.Namespace is { } name)
            program.AppendLine("#pragma warning disable CS0105 // the member's namespace, which may be one of the prelude")
                .AppendLine($"using {name};").AppendLine("#pragma warning restore CS0105");
        foreach (CodeBlock part in blocks)
            Append(part, 0, CountUsings(part));
        foreach (CodeBlock part in blocks)
            Append(part, CountUsings(part), part.Lines.Length);
        return program.ToString();

        void Append(CodeBlock part, int start, int end)
        {
            program.AppendLine($"#line {part.Line + start} \"{part.File}\"");
            program.AppendJoin('\n', part.Lines[start..end]).AppendLine();
        }
    }

    private static int CountUsings(CodeBlock block) =>
        block.Lines.TakeWhile(line => string.IsNullOrWhiteSpace(line) || UsingPattern().IsMatch(line)).Count();

    private static string Place(Diagnostic found)
    {
        FileLinePositionSpan span = found.Location.GetMappedLineSpan();
        LinePosition start = span.StartLinePosition;
        return $"{span.Path}({start.Line + 1},{start.Character + 1})";
    }

    private static SyntaxTree Parse(string text) => CSharpSyntaxTree.ParseText(text, _parsing);

    /// <summary>What an application with the package has; what the tests themselves need is left out.</summary>
    private static IEnumerable<MetadataReference> References() => ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
        .Split(Path.PathSeparator)
        .Where(path => !TestAssemblyPattern().IsMatch(Path.GetFileName(path)))
        .Select(path => MetadataReference.CreateFromFile(path));

    [GeneratedRegex(@"^\s*using (static )?(\w+ = )?[\w.]+;")]
    private static partial Regex UsingPattern();

    [GeneratedRegex(
        @"^(Docs\.Tests|xunit|Microsoft\.CodeAnalysis|Microsoft\.TestPlatform|Microsoft\.VisualStudio|testhost)", RegexOptions.IgnoreCase)]
    private static partial Regex TestAssemblyPattern();
}
