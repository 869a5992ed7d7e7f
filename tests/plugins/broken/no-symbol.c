/* A shared object that is no plugin: it exports another name. */
int evald_plugins_v0(void);

int
evald_plugins_v0(void)
{
    return 0;
}
