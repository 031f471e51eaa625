namespace Docs.Tests;

/// <summary>The documentation site; its links are checked by eng/check-docs.sh.</summary>
public sealed class SiteTests
{
    [Fact]
    public void Every_page_and_every_lesson_is_in_the_table_of_contents()
    {
        string contents = Repository.Read("docs/toc.yml");
        string[] pages = [.. Repository.Pages().Where(page => page.StartsWith("docs/", StringComparison.Ordinal))
            .Select(page => page["docs/".Length..])];
        string[] lessons = [.. Directory.GetDirectories(Path.Combine(Repository.Root, "samples"), "Module*")
            .Select(folder => $"../samples/{Path.GetFileName(folder)}/README.md")];
        Assert.NotEmpty(lessons);
        Assert.All([.. pages, .. lessons], page => Assert.Contains($"href: {page} }}", contents, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_page_is_named_by_the_index()
    {
        string index = Repository.Read("docs/index.md");
        string[] pages = [.. Repository.Pages()
            .Where(page => page.StartsWith("docs/", StringComparison.Ordinal) && page != "docs/index.md")
            .Select(page => page["docs/".Length..])];
        Assert.All(pages, page => Assert.Contains($"({page})", index, StringComparison.Ordinal));
    }
}
