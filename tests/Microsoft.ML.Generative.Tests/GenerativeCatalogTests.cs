namespace Microsoft.ML.Generative.Tests;

public class GenerativeCatalogTests
{
    [Fact]
    public void Settings_last_as_long_as_their_context_and_belong_to_it_alone()
    {
        MLContext one = new(), other = new();
        one.Generative().DataDirectory = Path.Combine(Path.GetTempPath(), "one");

        Assert.Equal(Path.Combine(Path.GetTempPath(), "one"), one.Generative().DataDirectory);
        Assert.NotEqual(one.Generative().DataDirectory, other.Generative().DataDirectory);
        Assert.Same(one, one.Generative().Context);
    }

    [Fact]
    public void The_environment_variable_names_the_default_data_directory() =>
        Assert.Equal(Path.GetFullPath("some/data"), GenerativeCatalog.DefaultDataDirectory("some/data"));

    [Theory]
    [InlineData(null)]
    [InlineData(" ")]
    public void Without_the_variable_the_data_directory_is_the_users(string? variable)
    {
        var directory = GenerativeCatalog.DefaultDataDirectory(variable);

        Assert.True(Path.IsPathRooted(directory));
        Assert.Equal("Microsoft.ML.Generative", Path.GetFileName(directory));
    }

    [Fact]
    public void A_relative_data_directory_is_made_absolute_when_it_is_set()
    {
        MLContext ml = new();
        ml.Generative().DataDirectory = "data";

        Assert.Equal(Path.Combine(Environment.CurrentDirectory, "data"), ml.Generative().DataDirectory);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void A_blank_data_directory_is_refused(string value) =>
        Assert.Throws<ArgumentException>(() => new MLContext().Generative().DataDirectory = value);

    [Fact]
    public void Collected_contexts_take_their_catalogs_with_them()
    {
        Eventually.Collected([Forget()]);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static WeakReference Forget() => new(new MLContext().Generative());
    }
}
