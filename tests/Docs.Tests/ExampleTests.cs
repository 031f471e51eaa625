using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.ML.Generative;

namespace Docs.Tests;

/// <summary>Examples that are copied from the pages and from the API reference compile.</summary>
public sealed partial class ExampleTests
{
    // A fence without a language, or with another name of C#, would hide code from the compiler.
    private static readonly string[] _languages = ["console", "csharp", "json", "text", "xml"];

    private static readonly Dictionary<(string File, int Line), CodeBlock> _pages =
        Repository.Pages().SelectMany(CodeBlock.OfPage).ToDictionary(block => (block.File, block.Line));

    private static readonly Dictionary<(string File, int Line), CodeBlock> _reference =
        Repository.Sources().SelectMany(CodeBlock.OfSource).ToDictionary(block => (block.File, block.Line));

    public static TheoryData<string, int> PageBlocks => Names(_pages);

    public static TheoryData<string, int> ReferenceBlocks => Names(_reference);

    [Theory]
    [MemberData(nameof(PageBlocks))]
    public void A_block_of_a_page_compiles(string file, int line) => Compiles(_pages[(file, line)]);

    [Theory]
    [MemberData(nameof(ReferenceBlocks))]
    public void An_example_of_the_API_reference_compiles(string file, int line) => Compiles(_reference[(file, line)]);

    [Fact]
    public void Every_example_of_the_API_reference_is_found()
    {
        // The sources are read as text, to know the line of an example; the compiler reads them as comments.
        string[] files = Directory.GetFiles(AppContext.BaseDirectory, "Microsoft.ML.Generative*.xml");
        string[] written = [.. files.SelectMany(file => XDocument.Load(file).Descendants("example")).Descendants("code")
            .Select(code => Words(code.Value)).Distinct().Order()];
        Assert.Equal(written, _reference.Values.Select(block => Words(string.Join('\n', block.Lines))).Distinct().Order());
    }

    [Fact]
    public void Every_method_of_the_catalogs_has_an_example()
    {
        Dictionary<string, XElement> members = Directory.GetFiles(AppContext.BaseDirectory, "Microsoft.ML.Generative*.xml")
            .SelectMany(file => XDocument.Load(file).Descendants("member"))
            .DistinctBy(member => (string)member.Attribute("name")!).ToDictionary(member => (string)member.Attribute("name")!);
        HashSet<string> names = [.. new[] { typeof(GenerativeCatalog), typeof(GenerativeTransformsCatalog) }
            .SelectMany(catalog => catalog.GetMethods().Select(method => $"M:{catalog.FullName}.{method.Name}"))];
        XElement[] methods = [.. members.Where(member => names.Contains(member.Key.Split('(')[0])).Select(member => member.Value)];
        Assert.True(methods.Length > 50);
        Assert.All(methods, method => Assert.True(HasExample(method), $"{method.Attribute("name")!.Value} has no example."));

        bool HasExample(XElement member) => member.Element("example") is not null
            || member.Elements("inheritdoc").Any(inherited => (string?)inherited.Attribute("path") is null or "/example"
                && members.GetValueOrDefault((string?)inherited.Attribute("cref") ?? "") is { } other && HasExample(other));
    }

    [Fact]
    public void Every_fence_names_a_known_language() => Assert.All(Repository.Pages(), file => Assert.All(
        CodeBlock.Fences(Repository.ReadLines(file)),
        fence => Assert.True(
            _languages.Contains(fence.Language),
            $"{file}:{fence.Start}: the fence's language is '{fence.Language}'; expected one of {string.Join(", ", _languages)}.")));

    [Fact]
    public void Every_example_calls_the_context_mlContext() => Assert.All([.. _pages.Values, .. _reference.Values], block =>
        Assert.All(ContextPattern().Matches(string.Join('\n', block.Lines)), match =>
            Assert.True(match.Groups[1].Value == "mlContext", $"{block}: the MLContext is called '{match.Groups[1].Value}'.")));

    private static void Compiles(CodeBlock block)
    {
        string[] found = BlockCompiler.Check(block);
        Assert.True(found.Length == 0, $"The block at {block} does not compile:\n{string.Join('\n', found)}");
    }

    private static string Words(string code) => string.Join(' ', code.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static TheoryData<string, int> Names(Dictionary<(string File, int Line), CodeBlock> blocks)
    {
        var names = new TheoryData<string, int>();
        foreach ((string file, int line) in blocks.Keys)
            names.Add(file, line);
        return names;
    }

    [GeneratedRegex(@"(\w+) = new MLContext\([^)]*\);|MLContext (\w+) = new\(")]
    private static partial Regex ContextPattern();
}
