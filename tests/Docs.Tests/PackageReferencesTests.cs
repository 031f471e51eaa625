using System.Text.Json;
using System.Xml.Linq;
using Microsoft.ML.Generative;

namespace Docs.Tests;

/// <summary>
/// A project that references the library from outside the repository gets what the library's project names, and what those packages
/// need; pins of Directory.Packages.props are lost on the way.
/// </summary>
public sealed class PackageReferencesTests
{
    [Theory]
    [InlineData(typeof(GenerativeTransformsCatalog))]
    [InlineData(typeof(OnnxExportExtensions))]
    public void Each_package_with_an_assembly_that_a_library_uses_is_referenced_by_its_project(Type type)
    {
        string name = type.Assembly.GetName().Name!;
        XDocument project = XDocument.Parse(Repository.Read($"src/{name}/{name}.csproj"));
        Dictionary<string, string> packageOf = ReadPackages();
        string[] used = [.. type.Assembly.GetReferencedAssemblies()
            .Select(name => packageOf.GetValueOrDefault(name.Name!)).OfType<string>().Distinct().Order()];
        Assert.Contains("TorchSharp", used);
        string[] referenced = [.. project.Descendants("PackageReference").Select(item => (string)item.Attribute("Include")!)];
        Assert.Empty(used.Except(referenced, StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void The_warning_of_a_missing_libtorch_names_the_version_that_the_library_is_built_with()
    {
        XDocument packages = XDocument.Parse(Repository.Read("Directory.Packages.props"));
        string version = (string)packages.Descendants("PackageVersion")
            .Single(item => (string?)item.Attribute("Include") == "libtorch-cpu-linux-x64").Attribute("Version")!;
        string targets = Repository.Read("src/Microsoft.ML.Generative/buildTransitive/Microsoft.ML.Generative.targets");
        Assert.Contains($"libtorch-cpu-$(RuntimeIdentifier) {version} ", targets, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-x64", "TorchSharp-cuda-linux")]
    [InlineData("win-x64", "TorchSharp-cuda-windows")]
    public void The_package_for_GPUs_brings_each_system_its_natives_in_the_version_of_TorchSharp(string system, string package)
    {
        XDocument packages = XDocument.Parse(Repository.Read("Directory.Packages.props"));
        string version = (string)packages.Descendants("PackageVersion")
            .Single(item => (string?)item.Attribute("Include") == "TorchSharp").Attribute("Version")!;
        using JsonDocument natives = JsonDocument.Parse(Repository.Read("src/Microsoft.ML.Generative.Gpu/runtime.json"));
        JsonElement systems = natives.RootElement.GetProperty("runtimes");
        Assert.Equal(2, systems.EnumerateObject().Count());
        JsonProperty native = Assert.Single(systems.GetProperty(system).GetProperty("Microsoft.ML.Generative.Gpu").EnumerateObject());
        Assert.Equal((package, version), (native.Name, native.Value.GetString()));
    }

    /// <summary>The package that each assembly beside the tests comes from.</summary>
    private static Dictionary<string, string> ReadPackages()
    {
        using JsonDocument dependencies = JsonDocument.Parse(
            File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Docs.Tests.deps.json")));
        var packages = new Dictionary<string, string>();
        foreach (JsonProperty package in dependencies.RootElement.GetProperty("targets").EnumerateObject().First().Value.EnumerateObject())
        {
            string id = package.Name[..package.Name.IndexOf('/', StringComparison.Ordinal)];
            bool isOwn = id.StartsWith("Microsoft.ML.Generative", StringComparison.Ordinal);
            if (isOwn || !package.Value.TryGetProperty("runtime", out JsonElement assemblies))
                continue;
            foreach (JsonProperty assembly in assemblies.EnumerateObject())
                packages[Path.GetFileNameWithoutExtension(assembly.Name)] = id;
        }

        return packages;
    }
}
