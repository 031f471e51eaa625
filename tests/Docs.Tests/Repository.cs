namespace Docs.Tests;

/// <summary>The files of the repository that the tests lie in.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    public static string PackageReadme => "src/Microsoft.ML.Generative/README.md";

    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    public static string[] ReadLines(string file) => File.ReadAllLines(Path.Combine(Root, file));

    /// <summary>The pages with code, as paths relative to the root; lessons are left out, because they quote their programs.</summary>
    public static IEnumerable<string> Pages() => [.. Find("docs", "*.md"), "README.md", .. Find("src", "README.md")];

    public static IEnumerable<string> Sources() => CodeIn("src");

    /// <summary>All code: the library, its tests, samples and benchmarks, and the tools of the build.</summary>
    public static IEnumerable<string> AllCode() => CodeIn("src", "tests", "samples", "benchmarks", "eng");

    private static IEnumerable<string> CodeIn(params IEnumerable<string> folders) => folders.SelectMany(folder => Find(folder, "*.cs"))
        .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

    private static IEnumerable<string> Find(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Order(StringComparer.Ordinal);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "GenAI.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not lie in the repository.");
        return folder.FullName;
    }
}
