using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.ML.Generative;

namespace Docs.Tests;

/// <summary>The text that the package's page shows keeps up with the package.</summary>
public sealed class PackageReadmeTests
{
    private static readonly string _readme = Repository.Read(Repository.PackageReadme);

    [Fact]
    public void It_is_the_packages_readme()
    {
        XDocument project = XDocument.Parse(Repository.Read("src/Microsoft.ML.Generative/Microsoft.ML.Generative.csproj"));
        Assert.Equal("README.md", Assert.Single(project.Descendants("PackageReadmeFile")).Value);
    }

    [Fact]
    public void It_names_every_model()
    {
        string[] models = [.. typeof(GenerativeTransformsCatalog)
            .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly).Select(method => method.Name).Distinct()];
        Assert.NotEmpty(models);
        Assert.All(models, model => Assert.Contains($"`{model}`", _readme, StringComparison.Ordinal));
    }

    [Fact]
    public void It_names_every_evaluation_and_loader()
    {
        string[] methods = [.. typeof(GenerativeCatalog)
            .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(method => !method.IsSpecialName).Select(method => method.Name).Distinct()];
        Assert.NotEmpty(methods);
        Assert.All(methods, method => Assert.Contains($"`{method}`", _readme, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("README.md", "libtorch-cpu-linux-x64", "libtorch")]
    [InlineData("README.md", "TorchSharp", "TorchSharp")]
    [InlineData("src/Microsoft.ML.Generative/README.md", "libtorch-cpu-linux-x64", "libtorch")]
    [InlineData("src/Microsoft.ML.Generative/README.md", "TorchSharp", "TorchSharp")]
    public void Its_backends_have_the_versions_that_the_library_is_built_with(string file, string package, string prefix)
    {
        XDocument packages = XDocument.Parse(Repository.Read("Directory.Packages.props"));
        string version = packages.Descendants("PackageVersion")
            .Single(item => (string?)item.Attribute("Include") == package).Attribute("Version")!.Value;
        string[] named = [.. Regex.Matches(Repository.Read(file), $@"`{prefix}-[^|\n;]*?(\d+\.\d+\.\d+)")
            .Select(match => match.Groups[1].Value).Distinct()];
        Assert.Equal([version], named);
    }
}
